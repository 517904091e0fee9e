import type { StepContext } from '../../sim/operation.ts';
import type { Fence, LoadOrder, RmwOrder, StoreOrder } from './access-order.ts';

/** A write on its way to memory or to a device register, or a line to be written back: what a store buffer holds. */
export interface Access {
  readonly kind: 'store' | 'register' | 'flush';
  readonly address: number;
  /** 32-bit words, lowest first; none for a flush. */
  readonly words: readonly number[];
}

/**
 * Which registers of a CPU an instruction takes its address and data from, as bits, and which one it writes (-1: none).
 * Where dependencies order nothing, nobody looks.
 */
export interface Dependencies {
  readonly addressFrom: number;
  readonly dataFrom: number;
  readonly into: number;
}

export const noDependencies: Dependencies = { addressFrom: 0, dataFrom: 0, into: -1 };

export interface LoadRequest extends Dependencies {
  readonly address: number;
  readonly wordCount: number;
  readonly order: LoadOrder;
  /** LR or LDXR: a store-conditional to the same place may follow. */
  readonly reserves?: boolean;
  /** See {@link RmwRequest}. */
  readonly givesNothing?: boolean;
}

export type AcceptsWords = (words: readonly number[]) => boolean;

export interface StoreRequest extends Dependencies {
  readonly access: Access;
  readonly order: StoreOrder;
}

export interface RmwRequest extends Dependencies {
  readonly address: number;
  readonly wordCount: number;
  readonly order: RmwOrder;
  /** Armv8's atomics without a result (STADD, SWP to WZR): a fence after reads does not take them for reads. */
  readonly givesNothing?: boolean;
}

/**
 * How one CPU's accesses reach memory: the seam between CPUs and memory models. A CPU goes through its instructions in
 * program order; what is out of order is in here.
 */
export interface Core {
  /** The step of the engine that lets buffered writes arrive; undefined where they arrive at once. */
  readonly drain: { readonly label: string } | undefined;
  /**
   * The code of this CPU begins here, after other work: it knows of every write so far. Its first load comes later, and
   * may give what memory holds from here on.
   */
  begin(): void;
  /** Whether a write can be taken now; a full buffer makes the CPU wait. */
  hasRoom(): boolean;
  write(request: StoreRequest): void;
  /** Whether the load can be done now, and give what `accepts` lets pass; one that half overlaps a buffered store waits. */
  canRead(request: LoadRequest, accepts?: AcceptsWords): boolean;
  /** Does the load; which of the values it may see (and that pass) is a choice, 0 for the newest. */
  read(request: LoadRequest, context: Pick<StepContext, 'choose'>, accepts?: AcceptsWords): readonly number[];
  /** The newest word: this CPU's own buffered stores first. */
  peekWord(address: number): number;
  /** Whether a device register can be read now: uncached accesses keep their order, and earlier stores may stay behind. */
  canReadRegister(): boolean;
  /** A device register has been read. */
  registerRead(): void;
  /** Nothing of this CPU is on its way. */
  isDrained(): boolean;
  canModify(request: RmwRequest): boolean;
  /** Reads the newest words and writes what `change` makes of them, if it makes anything, as one. Gives the old words. */
  modify(request: RmwRequest, change: (old: readonly number[]) => readonly number[] | undefined): readonly number[];
  /** Whether a store-conditional could succeed now. */
  canSucceed(request: StoreRequest): boolean;
  /** A store-conditional that succeeds; without it nothing happens but the end of the reservation. */
  storeConditional(request: StoreRequest, succeeds: boolean): void;
  /** Whether the CPU has to wait at a fence, until {@link isDrained}. */
  waitsAt(fence: Fence): boolean;
  fence(fence: Fence): void;
  /** A register is computed from others. */
  combine(into: number, from: number): void;
  /** A branch depends on these registers. */
  branch(from: number): void;
  /** Armv8 ISB: what comes later waits for branches. */
  contextSync(): void;
  /** Whether what these registers hold is there already. */
  knows(registers: number): boolean;
  /** Nobody uses what these registers hold again. */
  forget(registers: number): void;
  /** This CPU's code has no more loads. */
  retire(): void;
}

/** Where accesses arrive, in the order the model lets them. */
export interface AccessSink {
  apply(access: Access): void;
  readWord(address: number): number;
}

/**
 * `portable`: whatever one of the three architectures allows, for code under its kernel names. `non-mca`: the same on a
 * machine whose stores reach other CPUs one by one, which the kernel's own model allows and none of the three does.
 */
export const memoryModelNames = ['sc', 'x86-tso', 'rvwmo', 'armv8', 'portable', 'non-mca'] as const;

export type MemoryModelName = (typeof memoryModelNames)[number];
