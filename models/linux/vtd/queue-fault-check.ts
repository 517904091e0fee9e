import { type Flow, Retry } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import { faultStatusBit } from '../../vtd/queue-errors.ts';
import { type Batch, type QueueRing, slotStatus } from './queue-ring.ts';

/** What qi_submit_sync does when the queue reports an error, by kernel; `good-path` never looks. */
export const queueGenerations = [
  'good-path',
  'odd-slots',
  'retry-for-ever',
  'presence-check',
  'whole-batch',
  'own-functions',
] as const;
export type QueueGeneration = (typeof queueGenerations)[number];

interface Generation {
  /** `head |= 1` and steps of two: takes every second slot for a wait. */
  readonly walksOddSlots: boolean;
  /** Gives up on a function that is gone instead of asking it again. */
  readonly checksPresence: boolean;
  /** Looks for the refused descriptor in all slots of the batch, not in the first one only. */
  readonly looksAtWholeBatch: boolean;
  /** Asks after the functions of its own batch, whoever handled the time-out, instead of the one in ITESID. */
  readonly asksItsFunctions: boolean;
}

const noChecks: Generation = {
  walksOddSlots: false,
  checksPresence: false,
  looksAtWholeBatch: false,
  asksItsFunctions: false,
};

const generations: Readonly<Record<Exclude<QueueGeneration, 'good-path'>, Generation>> = {
  'odd-slots': { ...noChecks, walksOddSlots: true },
  'retry-for-ever': noChecks,
  'presence-check': { ...noChecks, checksPresence: true },
  'whole-batch': { ...noChecks, checksPresence: true, looksAtWholeBatch: true },
  'own-functions': { ...noChecks, looksAtWholeBatch: true, asksItsFunctions: true },
};

/** What qi_submit_sync returns; `again` never leaves it. */
export const queueResult = { done: 0, again: -11, invalid: -22, timedOut: -110 } as const;
export type QueueResult = (typeof queueResult)[keyof typeof queueResult];

export interface FaultRegisters {
  /** Addresses of FSTS, IQH, IQT and IQERCD. */
  readonly status: number;
  readonly head: number;
  readonly tail: number;
  readonly error: number;
}

/** What one look at the queue came to, and what it saw that has to change before another look can come to more. */
export interface FaultCheck {
  readonly result: QueueResult;
  readonly status: bigint;
  /** IQH, where it mattered. */
  readonly head: bigint | undefined;
}

const offsetShift = 5n;
const queueError = BigInt(faultStatusBit.queueError);
const completionError = BigInt(faultStatusBit.completionError);
const timeoutError = BigInt(faultStatusBit.timeoutError);

export interface FaultCheckPorts {
  readonly ring: QueueRing;
  readonly registers: FaultRegisters;
  readonly slotCount: number;
  /** device_rbtree_find and pci_device_is_present: a read of the function's configuration space. */
  readonly isPresent: (sid: number) => boolean;
}

/**
 * qi_check_fault of drivers/iommu/intel/dmar.c, called with q_lock held for a batch whose wait is neither complete nor
 * aborted by someone else: the caller has looked at its status.
 */
export class QueueFaultCheck {
  readonly #ports: FaultCheckPorts;
  readonly #generation: Generation;

  constructor(generation: Exclude<QueueGeneration, 'good-path'>, ports: FaultCheckPorts) {
    this.#ports = ports;
    this.#generation = generations[generation];
  }

  /** `functions`: requester IDs that descriptors of the batch ask to invalidate their device TLB. */
  *check(cpu: Cpu, batch: Batch, functions: readonly number[]): Flow<FaultCheck> {
    const { registers } = this.#ports;
    let status = yield* cpu.readRegister(registers.status, 32);
    let head: bigint | undefined;
    if ((status & queueError) !== 0n) {
      head = yield* cpu.readRegister(registers.head, 32);
      const slot = Number(head >> offsetShift);
      if (this.#isOurs(slot, batch)) {
        yield this.#replaceDescriptor(cpu, slot, batch);
        return { result: queueResult.invalid, status, head };
      }
    }
    if ((status & timeoutError) !== 0n) {
      const result = yield* this.#afterTimeout(cpu, batch, functions);
      if (result !== queueResult.done) {
        return { result, status, head };
      }
      status &= ~timeoutError;
    }
    if ((status & completionError) !== 0n) {
      yield cpu.writeRegister(registers.status, 32, completionError);
      status &= ~completionError;
    }
    return { result: queueResult.done, status, head };
  }

  /** The wait of a batch was aborted: it is submitted again, unless that is known to end in the same way. */
  *afterAbort(cpu: Cpu, functions: readonly number[]): Flow<QueueResult> {
    for (const sid of this.#generation.asksItsFunctions ? functions : []) {
      if (!(yield* this.#isPresent(cpu, sid))) {
        return queueResult.timedOut;
      }
    }
    return queueResult.again;
  }

  *#isPresent(cpu: Cpu, sid: number): Flow<boolean> {
    return yield* cpu.readDevice('pci_device_is_present', () => this.#ports.isPresent(sid));
  }

  #isOurs(slot: number, { first, count }: Batch): boolean {
    const place = this.#ports.ring.slot(slot - first);
    return this.#generation.looksAtWholeBatch ? place <= count : place === 0;
  }

  /** The refused descriptor becomes a copy of the wait, which hardware takes; then it may go on. */
  *#replaceDescriptor(cpu: Cpu, slot: number, { waitSlot }: Batch): Flow {
    const { ring, registers } = this.#ports;
    yield cpu.storeBlock(ring.descriptorAddress(slot), ring.waitDescriptor(waitSlot));
    yield cpu.writeRegister(registers.status, 32, queueError);
  }

  /** Every wait that hardware had fetched is aborted and never completes: whoever waits for one is told by its status. */
  *#afterTimeout(cpu: Cpu, { waitSlot }: Batch, functions: readonly number[]): Flow<QueueResult> {
    const { ring, registers, slotCount } = this.#ports;
    const head = Number((yield* cpu.readRegister(registers.head, 32)) >> offsetShift);
    const tail = Number((yield* cpu.readRegister(registers.tail, 32)) >> offsetShift);
    const record = yield* cpu.readRegister(registers.error, 64);
    const sid = Number((record >> 32n) & 0xffffn);
    yield cpu.writeRegister(registers.status, 32, timeoutError);
    const statuses = yield* cpu.loadBlock(ring.statusAddress(0), slotCount);
    const aborted = yield* this.#slotsToAbort(head, tail, statuses);
    for (const slot of aborted) {
      yield cpu.store32(ring.statusAddress(slot), BigInt(slotStatus.abort));
    }
    if (this.#generation.checksPresence && sid !== 0 && !(yield* this.#isPresent(cpu, sid))) {
      return queueResult.timedOut;
    }
    return aborted.includes(waitSlot) ? yield* this.afterAbort(cpu, functions) : queueResult.done;
  }

  *#slotsToAbort(head: number, tail: number, statuses: readonly number[]): Flow<readonly number[]> {
    const { walksOddSlots: oddOnly } = this.#generation;
    const { slots, ends } = slotsWalked({ head, tail, slotCount: this.#ports.slotCount, oddOnly });
    for (let round = 1; !ends; round += 1) {
      yield new Retry('the walk of desc_status in qi_check_fault', round);
    }
    return slots.filter((slot) => statuses[slot] === slotStatus.inUse);
  }
}

/**
 * The slots that a walk of desc_status looks at: from the one before IQH down to the one before IQT, which is what
 * hardware had fetched; all of them if the two are one. `oddOnly`: every second one from an odd slot on, which goes round
 * for ever if the one before IQT is even.
 */
export function slotsWalked(walk: {
  readonly head: number;
  readonly tail: number;
  readonly slotCount: number;
  readonly oddOnly: boolean;
}): { readonly slots: readonly number[]; readonly ends: boolean } {
  const { head, tail, slotCount, oddOnly } = walk;
  const before = (slot: number, distance: number): number => (slot + slotCount - distance) % slotCount;
  const start = oddOnly ? before(head, 1) | 1 : before(head, 1);
  const end = before(tail, 1);
  const slots: number[] = [];
  let slot = start;
  do {
    slots.push(slot);
    slot = before(slot, oddOnly ? 2 : 1);
  } while (slot !== end && slot !== start);
  return { slots, ends: slot === end };
}
