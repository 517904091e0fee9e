import type { Flow } from '../../../sim/operation.ts';
import { defineRiscvFlow } from '../flow-definition.ts';
import { commandQueueInterrupt, queueRegister } from './command-queue.ts';

/*  CPU (interrupt thread)            IOMMU
 *  ======================            =====
 *                                    command cannot be executed: cmd_ill, the queue stops
 *  read cqcsr, write it back (W1C)
 *                                    reads the same command again: cmd_ill
 */
export const queueInterrupt = defineRiscvFlow({
  name: 'riscv/cmdq-interrupt',
  summary: 'The interrupt thread of the command queue: clears what errors there are, and sends nothing again.',
  source: 'drivers/iommu/riscv/iommu.c (riscv_iommu_cmdq_process)',
  parameters: {},
  loads: () => [],
  *start({ cpu, riscv }): Flow {
    const queue = riscv.queue(0);
    const pending = queue.places.registers + queueRegister.pending;
    yield cpu.poll({
      label: 'the interrupt of the command queue',
      polled: { words: [], registers: [pending] },
      isDone: ({ registers: [ipsr = 0] }) => (ipsr & commandQueueInterrupt) !== 0,
    });
    yield queue.clearErrors(cpu);
  },
});
