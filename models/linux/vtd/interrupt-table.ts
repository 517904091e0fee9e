import { assert } from '../../../sim/assert.ts';
import type { Operation } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import {
  encodePostedInterruptEntry,
  encodeRemappedInterruptEntry,
  sourceValidation,
} from '../../vtd/entries/interrupt-remapping-entry.ts';

/** What an IRTE may say: where the interrupts of a requester go. */
export type InterruptTarget =
  | { readonly format: 'remapped'; readonly sid: number; readonly vector: number; readonly destination: number }
  | {
      readonly format: 'posted';
      readonly sid: number;
      readonly vector: number;
      /** Physical byte address of the posted-interrupt descriptor. */
      readonly descriptor: number;
      readonly urgent: boolean;
    };

/** IRTE words as prepare_irte and set_irte_sid, or intel_ir_set_vcpu_affinity, leave them: all 16 bits of SID verified. */
export function interruptEntryFor(target: InterruptTarget): Uint32Array {
  const { sid, vector } = target;
  const common = { present: 1, vector, sid, sourceValidation: sourceValidation.sid };
  return target.format === 'posted'
    ? encodePostedInterruptEntry({ ...common, urgent: Number(target.urgent), descriptor: target.descriptor })
    : encodeRemappedInterruptEntry({ ...common, destination: target.destination });
}

/** What the driver knows of interrupt remapping: its table, and by name what entries may say. */
export class InterruptTable {
  readonly #lockAddress: number;
  readonly #targets = new Map<string, InterruptTarget>();
  /** Physical address of the table; 0 while interrupts are not remapped. */
  address = 0;

  /** `lockAddress`: of irq_2_ir_lock. */
  constructor(lockAddress: number) {
    this.#lockAddress = lockAddress;
  }

  addTarget(name: string, target: InterruptTarget): void {
    this.#targets.set(name, target);
  }

  target(name: string): InterruptTarget {
    const target = this.#targets.get(name);
    assert(target !== undefined, `interrupt target ${name} is known`);
    return target;
  }

  entryAddress(index: number): number {
    assert(this.address !== 0, 'interrupts are remapped');
    return this.address + index * 16;
  }

  lock(cpu: Cpu): Operation<void> {
    return cpu.lock(this.#lockAddress, 'irq_2_ir_lock');
  }

  unlock(cpu: Cpu): Operation<void> {
    return cpu.unlock(this.#lockAddress);
  }
}
