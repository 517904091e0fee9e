import type { MemoryModelName } from '../../models/memory/memory-model.ts';
import { RandomStream } from '../../sim/random.ts';

/** What a task of a program does: one or a few steps of a CPU. */
export type ProgramStep =
  | { readonly kind: 'store'; readonly word: number; readonly half: 'low' | 'high' | 'both'; readonly value: number }
  | { readonly kind: 'load'; readonly word: number; readonly register: number }
  | { readonly kind: 'branch'; readonly word: number; readonly value: number; readonly ifEqual: ProgramStep }
  | { readonly kind: 'copy'; readonly from: number; readonly to: number }
  | { readonly kind: 'barrier' }
  | { readonly kind: 'exchange'; readonly word: number; readonly desired: number; readonly register: number }
  | { readonly kind: 'locked'; readonly step: ProgramStep }
  | { readonly kind: 'wait'; readonly word: number; readonly value: number }
  | { readonly kind: 'check'; readonly word: number; readonly value: number; readonly stops: boolean };

/** Tasks on CPUs of their own, and perhaps hardware: every kind of process and of step that a search has to get right. */
export interface Program {
  readonly memoryModel: MemoryModelName;
  readonly storeBufferEntries: number;
  readonly wordCount: number;
  readonly tasks: readonly (readonly ProgramStep[])[];
  /** Reads these words in any order, one step each; it is a rule that they are equal. */
  readonly device: { readonly words: readonly number[]; readonly stops: boolean } | undefined;
  /** Waits for a word to be `value` and then clears it, as often as it is. */
  readonly engine: { readonly word: number; readonly value: number } | undefined;
  /** May at any moment, once, store one of two values. */
  readonly optional: { readonly word: number; readonly values: readonly number[] } | undefined;
  /** Engine and optional process, and the device, come before the tasks: searches try processes in that order. */
  readonly hardwareFirst: boolean;
  /** Windows by task; what a world without them allows is every order. */
  readonly windows: readonly { readonly minNs: number; readonly maxNs: number }[];
}

/** Program number `seed`; the same for ever. */
export function randomProgram(seed: number): Program {
  const stream = new RandomStream('random programs');
  stream.reseed({ low: seed, high: 0 });
  const below = (count: number): number => stream.below(count);
  const memoryModel = below(3) === 0 ? 'x86-tso' : 'sc';
  const wordCount = 2 + below(2);
  const hasDevice = below(4) === 0;
  const taskCount = (hasDevice ? 1 : 2) + below(2);
  const stepCount = memoryModel === 'sc' && taskCount < 3 ? 4 : 3;
  const tasks = Array.from({ length: taskCount }, () =>
    Array.from({ length: 2 + below(stepCount - 1) }, () => randomStep(below, wordCount)),
  );
  const word = (): number => below(wordCount);
  return {
    memoryModel,
    storeBufferEntries: 1 + below(2),
    wordCount,
    tasks,
    device: hasDevice ? { words: [0, 1], stops: below(2) === 0 } : undefined,
    engine: below(4) === 0 ? { word: word(), value: 1 + below(2) } : undefined,
    optional: below(5) === 0 ? { word: word(), values: [1, 2] } : undefined,
    hardwareFirst: below(2) === 0,
    windows: Array.from({ length: taskCount + 3 }, () => {
      const minNs = below(4);
      return { minNs, maxNs: below(4) === 0 ? Number.POSITIVE_INFINITY : minNs + below(6) };
    }),
  };
}

function randomStep(below: (count: number) => number, wordCount: number): ProgramStep {
  const word = below(wordCount);
  const value = 1 + below(2);
  const register = below(3);
  const stores = ['low', 'high', 'both', 'both'] as const;
  switch (below(12)) {
    case 0:
    case 1:
    case 2:
      return { kind: 'store', word, half: stores[below(stores.length)] ?? 'both', value };
    case 3:
    case 4:
      return { kind: 'load', word, register };
    case 5:
      return { kind: 'branch', word, value: below(2), ifEqual: simpleStep(below, wordCount) };
    case 6:
      return { kind: 'copy', from: word, to: below(wordCount) };
    case 7:
      return { kind: 'barrier' };
    case 8:
      return { kind: 'exchange', word, desired: value, register };
    case 9:
      return { kind: 'locked', step: simpleStep(below, wordCount) };
    case 10:
      return { kind: 'wait', word, value: below(2) };
    default:
      return { kind: 'check', word, value, stops: below(2) === 0 };
  }
}

function simpleStep(below: (count: number) => number, wordCount: number): ProgramStep {
  const word = below(wordCount);
  return below(2) === 0
    ? { kind: 'store', word, half: 'both', value: 1 + below(2) }
    : { kind: 'load', word, register: below(3) };
}
