import { accessKind, type Fence, fenceOf } from './access-order.ts';
import type { MemoryModelName } from './memory-model.ts';

/** What a kernel barrier is on one machine. */
export interface BarrierMeaning {
  /** The machine's instruction, or why there is none. */
  readonly instruction: string;
  readonly fence: Fence;
}

const { read, write, input, output } = accessKind;
const all = read | write | input | output;

function orders(instruction: string, before: number, after: number): BarrierMeaning {
  return { instruction, fence: fenceOf(before, after) };
}

const nothing = orders('none needed', 0, 0);
const compilerOnly = orders('compiler barrier', 0, 0);

/** What `portable` can rely on: what the instructions of the three architectures have in common. */
function common(before: number, after: number): BarrierMeaning {
  return orders('(in common)', before, after);
}

/** The kernel's own model has smp_mb and mb for a strong fence; the others are as in `portable`. */
type Machines = Record<Exclude<MemoryModelName, 'non-mca'>, BarrierMeaning>;

/**
 * Kernel barriers by machine (arch/{x86,riscv,arm64}/include/asm/barrier.h, include/asm-generic/barrier.h, v7.0). On x86
 * sfence and lfence order nothing that ordinary write-back memory does not order already.
 */
const table = {
  smp_wmb: {
    sc: nothing,
    'x86-tso': compilerOnly,
    rvwmo: orders('fence w,w', write, write),
    armv8: orders('dmb ishst', write | output, write | output),
    portable: common(write, write),
  },
  smp_rmb: {
    sc: nothing,
    'x86-tso': compilerOnly,
    rvwmo: orders('fence r,r', read, read),
    armv8: orders('dmb ishld', read | input, all),
    portable: common(read, read),
  },
  smp_mb: {
    sc: nothing,
    'x86-tso': orders('lock addl $0,(stack)', all, all),
    rvwmo: orders('fence rw,rw', read | write, read | write),
    armv8: orders('dmb ish', all, all),
    portable: common(read | write, read | write),
  },
  dma_wmb: {
    sc: nothing,
    'x86-tso': compilerOnly,
    rvwmo: orders('fence ow,ow', write | output, write | output),
    armv8: orders('dmb oshst', write | output, write | output),
    portable: common(write | output, write | output),
  },
  dma_rmb: {
    sc: nothing,
    'x86-tso': compilerOnly,
    rvwmo: orders('fence ir,ir', read | input, read | input),
    armv8: orders('dmb oshld', read | input, all),
    portable: common(read | input, read | input),
  },
  wmb: {
    sc: nothing,
    'x86-tso': orders('sfence', write | output, write | output),
    rvwmo: orders('fence ow,ow', write | output, write | output),
    armv8: orders('dsb st', write | output, write | output),
    portable: common(write | output, write | output),
  },
  rmb: {
    sc: nothing,
    'x86-tso': orders('lfence', read | input, read | input),
    rvwmo: orders('fence ir,ir', read | input, read | input),
    armv8: orders('dsb ld', read | input, all),
    portable: common(read | input, read | input),
  },
  mb: {
    sc: nothing,
    'x86-tso': orders('mfence', all, all),
    rvwmo: orders('fence iorw,iorw', all, all),
    armv8: orders('dsb sy', all, all),
    portable: common(all, all),
  },
  mmiowb: {
    sc: nothing,
    'x86-tso': nothing,
    rvwmo: orders('fence o,w', output, write),
    armv8: nothing,
    portable: common(0, 0),
  },
  smp_mb__after_spinlock: {
    sc: nothing,
    'x86-tso': nothing,
    rvwmo: orders('fence iorw,iorw', all, all),
    armv8: orders('dmb ish', all, all),
    portable: common(read | write, read | write),
  },
} as const satisfies Record<string, Machines>;

export type BarrierName = keyof typeof table;

export const barrierNames = Object.keys(table) as readonly BarrierName[];

/** What a barrier is under a memory model. */
export function barrierMeaning(name: BarrierName, model: MemoryModelName): BarrierMeaning {
  return table[name][model === 'non-mca' ? 'portable' : model];
}
