/** A write on its way to memory or to a device register, or a line to be written back: what a store buffer holds. */
export interface Access {
  readonly kind: 'store' | 'register' | 'flush';
  readonly address: number;
  /** 32-bit words, lowest first; none for a flush. */
  readonly words: readonly number[];
}

/**
 * How one CPU's accesses reach memory. This is the seam between CPUs and memory models: `sc` and `x86-tso` stand
 * behind it, the weaker models will.
 */
export interface Core {
  /** Whether a write can be taken now; a full buffer makes the CPU wait. */
  hasRoom(): boolean;
  write(access: Access): void;
  /** Whether the words can be read now; a load that half overlaps a buffered store waits for it, as x86 does. */
  canRead(address: number, wordCount: number): boolean;
  /** Whether a device register can be read now: uncached accesses keep their order, and earlier stores may stay behind. */
  canReadRegister(): boolean;
  /** The word this CPU sees; its own buffered stores first. */
  readWord(address: number): number;
  /** Nothing of this CPU is on its way: what a full fence and a locked instruction wait for. */
  isDrained(): boolean;
}

/** Where accesses arrive, in the order the model lets them. */
export interface AccessSink {
  apply(access: Access): void;
  readWord(address: number): number;
}

export type MemoryModelName = 'sc' | 'x86-tso';
