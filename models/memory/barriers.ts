import type { MemoryModelName } from './memory-model.ts';

/** What a kernel barrier does on one machine. */
export interface BarrierMeaning {
  /** The machine's instruction, or why there is none. */
  readonly instruction: string;
  /** Waits until every earlier write of this CPU has arrived. */
  readonly drains: boolean;
}

const compilerOnly: BarrierMeaning = { instruction: 'compiler barrier', drains: false };
const nothing: BarrierMeaning = { instruction: 'none needed', drains: false };
const mfence: BarrierMeaning = { instruction: 'mfence', drains: true };
const lockedAdd: BarrierMeaning = { instruction: 'lock addl $0,(stack)', drains: true };

/**
 * Kernel barriers by machine (arch/x86/include/asm/barrier.h). sfence and lfence
 * order nothing that ordinary write-back memory does not order already, so on x86 only the full barriers drain.
 */
export const barrierTable = {
  smp_wmb: { sc: nothing, 'x86-tso': compilerOnly },
  smp_rmb: { sc: nothing, 'x86-tso': compilerOnly },
  smp_mb: { sc: nothing, 'x86-tso': lockedAdd },
  dma_wmb: { sc: nothing, 'x86-tso': compilerOnly },
  dma_rmb: { sc: nothing, 'x86-tso': compilerOnly },
  wmb: { sc: nothing, 'x86-tso': { instruction: 'sfence', drains: false } },
  rmb: { sc: nothing, 'x86-tso': { instruction: 'lfence', drains: false } },
  mb: { sc: nothing, 'x86-tso': mfence },
} as const satisfies Record<string, Record<MemoryModelName, BarrierMeaning>>;

export type BarrierName = keyof typeof barrierTable;
