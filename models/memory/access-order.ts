/** Kinds of access, as the bits of a RISC-V fence have them: memory reads and writes, device input and output. */
export const accessKind = { read: 1, write: 2, input: 4, output: 8 } as const;

/**
 * A fence: for each kind of earlier access the later ones (a sum of {@link accessKind}) that wait for it.
 * `fence rw,rw` is {read: 3, write: 3, input: 0, output: 0}; `fence.tso` {read: 3, write: 2, …}.
 */
export interface Fence {
  readonly read: number;
  readonly write: number;
  readonly input: number;
  readonly output: number;
}

/** The fence in which every one of `before` comes before every one of `after`. */
export function fenceOf(before: number, after: number): Fence {
  return {
    read: (before & accessKind.read) === 0 ? 0 : after,
    write: (before & accessKind.write) === 0 ? 0 : after,
    input: (before & accessKind.input) === 0 ? 0 : after,
    output: (before & accessKind.output) === 0 ? 0 : after,
  };
}

/**
 * `acquire`: later accesses wait for this one (Armv8 LDAPR, smp_load_acquire). `acquire-rcsc`: it waits for earlier
 * `release-rcsc` stores besides (Armv8 LDAR, RISC-V .aq).
 */
export type LoadOrder = 'relaxed' | 'acquire' | 'acquire-rcsc';

/** `release`: waits for earlier accesses (smp_store_release). `release-rcsc`: see {@link LoadOrder} (Armv8 STLR, RISC-V .rl). */
export type StoreOrder = 'relaxed' | 'release' | 'release-rcsc';

/** Order of a read-modify-write. `isFull`: everything before it is before everything after it (x86 LOCK, smp_mb on both sides). */
export interface RmwOrder {
  readonly load: LoadOrder;
  readonly store: StoreOrder;
  readonly isFull: boolean;
}
