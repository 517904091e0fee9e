import type { Flow } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import type { SentSinceFence } from './command-queue.ts';
import { type Command, invalidateDdt, invalidateVma } from './commands.ts';
import { type ContextTarget, contextValid, contextWords, pscidOfTa } from './context-encoding.ts';
import type { RiscvDevice } from './domains.ts';
import type { RiscvDriver } from './riscv-driver.ts';

/** Offsets of the words of a device context. */
const word = { tc: 0, ta: 16, fsc: 24 } as const;

export interface DirectoryUpdateOptions {
  /** Which contexts are cleared and invalidated first; `none`: those that are valid are written over as they are. */
  readonly clears: 'valid' | 'not-valid' | 'none';
  readonly invalidatesTags: boolean;
  readonly invalidatesAfter: boolean;
  /** dma_wmb between fsc and ta, and tc.V. */
  readonly ordersValid: boolean;
  /** A context that has been cleared is invalidated before it is written. */
  readonly invalidatesCleared: boolean;
  /** What a device does before the update is over is nobody's matter: a context of old and new words may be used. */
  readonly toleratesMixed: boolean;
}

/*  CPU                                         IOMMU
 *  ===                                         =====
 *  tc.V = 0
 *  IODIR.INVAL_DDT, IOTINVAL.VMA, IOFENCE.C
 *                                              DMA faults (258)
 *  fsc, ta
 *                                              read fsc (old), in any order
 *  dma_wmb; tc.V = 1
 *                                              read tc (V = 1): old fsc, cached    <-- unless invalidated once more
 *  IODIR.INVAL_DDT, IOTINVAL.VMA, IOFENCE.C
 */
/** riscv_iommu_iodir_update: a device context becomes another one. */
export function* updateDirectory(
  riscv: RiscvDriver,
  cpu: Cpu,
  device: RiscvDevice,
  { target, options }: { readonly target: ContextTarget; readonly options: DirectoryUpdateOptions },
): Flow {
  const { contextAddress, contextWordCount } = device;
  const queue = riscv.queue(device.iommu);
  const final = contextWords(target, contextWordCount);
  final[0] = (final[0] as number) | (yield* riscv.keptFlags(device));
  yield riscv.beginUpdateFrom(contextAddress, (before) => [
    new Uint32Array(contextWordCount),
    ...(options.toleratesMixed ? mixedContexts(before, final) : []),
    final,
  ]);
  const errors = yield* queue.errorsSoFar(cpu);
  const cleared = yield* clear(riscv, cpu, device, options);
  if (cleared.length > 0) {
    yield queue.sync(cpu, { commands: cleared, errors });
  }
  const since = yield* write(riscv, cpu, device, { target, options });
  if (options.invalidatesAfter) {
    yield queue.sync(cpu, since);
  }
  yield riscv.endUpdate(contextAddress, final);
}

/** What a fetch of one word after the other may make of a context whose fsc and ta change before V is set. */
function mixedContexts(before: readonly number[], final: Uint32Array): readonly Uint32Array[] {
  const takes = [[word.fsc, word.ta], [word.fsc], [word.ta]] as const;
  return takes.map((old) => {
    const mixed = final.slice();
    for (const offset of old) {
      mixed.set(before.slice(offset / 4, offset / 4 + 2), offset / 4);
    }
    return mixed;
  });
}

/** The first loop: takes the context out of use. Gives the commands that are sent and not fenced yet. */
function* clear(
  riscv: RiscvDriver,
  cpu: Cpu,
  device: RiscvDevice,
  { clears, invalidatesTags, invalidatesCleared }: DirectoryUpdateOptions,
): Flow<readonly Command[]> {
  if (clears === 'none') {
    return [];
  }
  const { contextAddress: context, deviceId } = device;
  const tc = yield* cpu.load64(context + word.tc);
  const isValid = (tc & contextValid) !== 0n;
  if (isValid !== (clears === 'valid')) {
    return [];
  }
  yield cpu.store64(context + word.tc, tc & ~contextValid);
  if (!invalidatesCleared) {
    return [];
  }
  const commands: Command[] = [invalidateDdt(deviceId)];
  if (invalidatesTags) {
    const fsc = yield* cpu.load64(context + word.fsc);
    const ta = yield* cpu.load64(context + word.ta);
    commands.push(...invalidateTags(fsc, ta));
  }
  for (const command of commands) {
    yield* riscv.queue(device.iommu).send(cpu, command);
  }
  return commands;
}

/** The second loop: writes the context, makes it valid, and invalidates it, for it may have been read meanwhile. */
function* write(
  riscv: RiscvDriver,
  cpu: Cpu,
  { contextAddress: context, deviceId, iommu }: RiscvDevice,
  { target, options }: { readonly target: ContextTarget; readonly options: DirectoryUpdateOptions },
): Flow<SentSinceFence> {
  const { fsc, ta, isValid } = target;
  const queue = riscv.queue(iommu);
  const tc = yield* cpu.load64(context + word.tc);
  yield cpu.store64(context + word.fsc, fsc);
  yield cpu.store64(context + word.ta, ta);
  if (options.ordersValid) {
    yield cpu.barrier('dma_wmb');
  }
  yield cpu.store64(context + word.tc, isValid ? tc | contextValid : tc);
  const errors = yield* queue.errorsSoFar(cpu);
  const commands = options.invalidatesAfter
    ? [invalidateDdt(deviceId), ...(options.invalidatesTags ? invalidateTags(fsc, ta) : [])]
    : [];
  for (const command of commands) {
    yield* queue.send(cpu, command);
  }
  return { commands, errors };
}

/** What a context leads to that caches know by its PSCID: nothing when it is Bare. */
function invalidateTags(fsc: bigint, ta: bigint): readonly Command[] {
  return fsc === 0n ? [] : [invalidateVma({ pscid: pscidOfTa(ta) })];
}
