import type { Arena } from '../../sim/arena.ts';
import type { Structure, SystemTrace } from '../trace-events.ts';
import type { SpecWords } from './spec-words.ts';

/** What a checker is attached to. Its ghost state lives in the arena, so that undo and fingerprints cover it. */
export interface CheckerPorts {
  readonly arena: Arena;
  readonly trace: SystemTrace;
  readonly facts: CheckerFacts;
  /**
   * Reports a broken rule; the rule name and whether it stops the run are the checker's. `subject` is what broke it, in
   * words that another schedule of the same failure has too: see Violation of sim/.
   */
  readonly report: (message: string, source: string, subject: string) => void;
  /** Calls back when a run has come to rest: nothing is pending, and no rule that stops it was broken. */
  readonly atRest: (check: () => void) => void;
}

/** What checkers may know beyond events: names for messages, and how many entries there are. */
export interface CheckerFacts {
  readonly entryCount: number;
  readonly domains: readonly DomainFacts[];
  /** Outcomes that the scenario forbids: values that tasks have read under these names, all of them together. */
  readonly forbidden: readonly (readonly OutcomeValue[])[];
  /** Address of the page that contents of a leaf paging entry map; undefined if they map none. */
  pageOfLeaf(entry: number, words: readonly number[]): number | undefined;
  /** RAM in 4 KB pages. */
  readonly pageCount: number;
  nameOfEntry(entry: number): string;
  structureOfEntry(entry: number): Structure;
  nameOfDevice(sid: number): string;
  /** Text of a fault reason code, and whether only a torn entry gives it. */
  faultReason(code: number): { readonly text: string; readonly onlyTornEntryGives: boolean };
  /** Of VT-d. */
  readonly mode?: 'legacy' | 'scalable';
  readonly words: SpecWords;
  /** Whether requests of a device go by the entries of their PASIDs or processes, and not by that of the device. */
  hasProcessContexts(sid: number): boolean;
  /** Whether a function has ATS enabled, and so a device TLB. */
  hasDeviceTlb(sid: number): boolean;
  /** Table walks see every store as soon as CPUs do. */
  readonly walksSeeStores: boolean;
  /** Leaf entries that software changes in the table that an entry leads to, and where they map in what the entry would. */
  leavesBelow?(entry: number): readonly { readonly entry: number; readonly offset: number }[];
  /** CAP.CM. */
  readonly cachingMode: boolean;
  /** PASID that a PASID entry or a process context is for, or -1. */
  pasidOfEntry(entry: number): number;
  /** Requester ID of the device an entry is for, or -1. */
  sidOfEntry(entry: number): number;
}

/** A value that a task has read, by `task.name`: two words. */
export interface OutcomeValue {
  readonly name: string;
  readonly words: readonly number[];
  /** `task.name = value`. */
  readonly text: string;
}

/** A domain of the scenario: which tables lead to it, and whose memory they map. */
export interface DomainFacts {
  readonly name: string;
  readonly stage: 'first' | 'second' | 'nested' | 'pass-through' | 'identity' | 'blocking';
  readonly firstStageTable: number;
  readonly secondStageTable: number;
  /** Addresses of the pages that its tables map through entries that nobody changes. */
  readonly pages: readonly number[];
  /** Leaf paging entries that software changes, by their ids. */
  readonly leaves: readonly number[];
}

/** A small observer of trace events. It watches, it never drives. */
export interface Checker {
  readonly rule: string;
  /** One sentence for `tornread list --rules` and the documentation. */
  readonly brokenWhen: string;
  /**
   * True for a rule that hardware state or DMA has broken: what follows is its consequence, so the run ends. False for
   * a rule of programming that software has broken: the run goes on, to see whether harm comes of it.
   */
  readonly stopsRun: boolean;
  attach(ports: CheckerPorts): void;
}
