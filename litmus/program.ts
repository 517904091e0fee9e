import type { Fence, LoadOrder, RmwOrder, StoreOrder } from '../models/memory/access-order.ts';
import type { BarrierName } from '../models/memory/barriers.ts';

/** The dialects of litmus tests that are read. `c` is C with the kernel's primitives (LKMM). */
export type Architecture = 'x86' | 'riscv' | 'aarch64' | 'c';

/** A test after parsing: what every dialect becomes. */
export interface LitmusTest {
  readonly name: string;
  /** As the user named it. */
  readonly file: string;
  readonly architecture: Architecture;
  readonly locations: readonly Location[];
  readonly threads: readonly Thread[];
  readonly condition: Condition;
  /** `filter` proposition: only final states that it holds in count. */
  readonly filter?: Proposition;
  /** Registers and locations of a `locations [...]` line, shown besides those of the condition. */
  readonly observed: readonly Observable[];
}

/** A named place in memory; index in {@link LitmusTest.locations}. */
export interface Location {
  readonly name: string;
  readonly widthBits: 8 | 16 | 32 | 64 | 128;
  readonly initial: Value;
}

export type Value =
  | { readonly kind: 'integer'; readonly value: bigint }
  /** Address of a location, by its index. */
  | { readonly kind: 'address'; readonly location: number };

export interface Thread {
  /** Registers (or C locals) by their index, as a user writes them; at most 32. */
  readonly registers: readonly string[];
  /** Initial values by register; 0 if left out. */
  readonly initial: readonly { readonly register: number; readonly value: Value }[];
  readonly instructions: readonly Instruction[];
}

/** Integer expressions over a thread's registers; which registers stand in one is what dependencies are made of. */
export type Expression =
  | Value
  | { readonly kind: 'register'; readonly register: number }
  /** Inside a read-modify-write: the value read. */
  | { readonly kind: 'old' }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  /** The low `widthBits` of an expression, zero- or sign-extended. */
  | { readonly kind: 'extend'; readonly widthBits: 8 | 16 | 32; readonly signed: boolean; readonly of: Expression };

export type BinaryOperator =
  | 'add'
  | 'sub'
  | 'mul'
  | 'and'
  | 'or'
  | 'xor'
  | 'shift-left'
  | 'shift-right'
  /** Comparisons give 0 or 1. */
  | 'equal'
  | 'not-equal'
  | 'less'
  | 'less-equal'
  | 'less-unsigned'
  | 'less-equal-unsigned';

export type AccessWidth = 8 | 16 | 32 | 64 | 128;

/** One instruction; `line` is its line in the file. Results are put zero-extended into 64-bit registers. */
export type Instruction = { readonly line: number } & (
  | {
      readonly op: 'load';
      readonly into: number;
      readonly address: Expression;
      readonly widthBits: AccessWidth;
      readonly order: LoadOrder;
    }
  | {
      readonly op: 'store';
      readonly address: Expression;
      readonly value: Expression;
      readonly widthBits: AccessWidth;
      readonly order: StoreOrder;
    }
  | {
      readonly op: 'rmw';
      readonly address: Expression;
      readonly widthBits: AccessWidth;
      readonly order: RmwOrder;
      /** What is written; may contain `old`. */
      readonly value: Expression;
      /** Compare-and-swap: written only if the old value equals this; a failed one has no order at all in C, and is a relaxed load. */
      readonly expected?: Expression;
      /** What is put where: expressions over `old`. */
      readonly result?: { readonly into: number; readonly value: Expression };
    }
  | {
      readonly op: 'load-reserved';
      readonly into: number;
      readonly address: Expression;
      readonly widthBits: AccessWidth;
      readonly order: LoadOrder;
    }
  /** `status` becomes 0 on success and 1 on failure. */
  | {
      readonly op: 'store-conditional';
      readonly status: number;
      readonly address: Expression;
      readonly value: Expression;
      readonly widthBits: AccessWidth;
      readonly order: StoreOrder;
    }
  | { readonly op: 'fence'; readonly fence: Fence }
  /** C only: a barrier under its kernel name. */
  | { readonly op: 'barrier'; readonly name: BarrierName }
  /** Armv8 ISB. */
  | { readonly op: 'context-sync' }
  | { readonly op: 'assign'; readonly into: number; readonly value: Expression }
  /** Goes to `target`, the index of a later instruction (or the number of them), if the condition is not 0. */
  | { readonly op: 'branch'; readonly condition: Expression; readonly target: number }
  /** C spin locks. */
  | { readonly op: 'lock'; readonly address: Expression }
  | { readonly op: 'unlock'; readonly address: Expression }
);

export type Observable =
  | { readonly kind: 'register'; readonly thread: number; readonly register: number; readonly text: string }
  | { readonly kind: 'location'; readonly location: number; readonly text: string };

export type Proposition =
  | { readonly kind: 'equals'; readonly left: Observable; readonly right: Value | Observable }
  | { readonly kind: 'not'; readonly of: Proposition }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Proposition[] }
  | { readonly kind: 'true' | 'false' };

/** `exists P`, `~exists P` or `forall P`, with the text as it is in the file. */
export interface Condition {
  readonly quantifier: 'exists' | '~exists' | 'forall';
  readonly proposition: Proposition;
  readonly text: string;
}
