import type { FlowEnvironment } from '../models/linux/flow-definition.ts';
import type { Cpu } from '../models/memory/cpu.ts';
import type { MemoryRange } from '../models/memory/memory-range.ts';
import { type Flow, Note, Retry } from '../sim/operation.ts';
import { flowWith } from './flow-with.ts';
import type { InlineStep, InlineTarget, RiscvTarget } from './format/steps-schema.ts';

/** Values that loads have read, by name; fresh for each run of the body. */
type Registers = Map<string, bigint>;

/** What steps say that is different for each IOMMU. */
export interface InlineDriver {
  environment(cpu: Cpu): FlowEnvironment;
  /** Address of a place. */
  addressOf(place: string): number;
  /** What the entry at a place is when it leads where a target says. */
  targetWords(target: InlineTarget | RiscvTarget, entry: string): ArrayLike<number>;
  beginUpdate(address: number, targets: readonly ArrayLike<number>[], hitless: boolean): Note;
  endUpdate(address: number, target: ArrayLike<number>): Note;
  /** Where such steps as only this IOMMU has load from; undefined: anywhere. */
  readonly ownLoads: readonly MemoryRange[] | undefined;
  /** A step that only this IOMMU has. */
  own(step: InlineStep, run: InlineRun): Flow;
}

export interface InlineRun {
  readonly cpu: Cpu;
  readonly driver: InlineDriver;
  readonly registers: Registers;
  readonly told: ToldValues;
  readonly doorbells: Doorbells;
}

/** Who is told of values that loads read, by their names. */
export type ToldValues = ReadonlyMap<string, (value: bigint) => void>;

/** Addresses of the registers by which software rings devices, by their names. */
export type Doorbells = ReadonlyMap<string, number>;

/** A task written as steps in a scenario: a sequence from a mail, tried without writing TypeScript. */
export function inlineTask(
  steps: readonly InlineStep[],
  world: Pick<InlineRun, 'driver' | 'told' | 'doorbells'>,
): (cpu: Cpu) => Flow {
  return (cpu) => runSteps(steps, { cpu, registers: new Map(), ...world });
}

type StoreStep = Extract<InlineStep, { store: object }>['store'];

function* runSteps(steps: readonly InlineStep[], run: InlineRun): Flow {
  for (const step of steps) {
    yield runStep(step, run);
  }
}

function* runStep(step: InlineStep, run: InlineRun): Flow {
  const { cpu, driver, registers } = run;
  if ('store' in step) {
    yield storeStep(cpu, driver.addressOf(step.store.to), step.store);
  } else if ('load' in step) {
    const value = yield* cpu.load64(driver.addressOf(step.load.from), step.load.order);
    registers.set(step.load.as, value);
    const tell = run.told.get(step.load.as);
    if (tell !== undefined) {
      yield new Note('value read', () => tell(value));
    }
  } else if ('fence' in step) {
    yield cpu.barrier(step.fence);
  } else if ('mmio' in step) {
    yield cpu.writeRegister(run.doorbells.get(step.mmio) ?? 0, 32, 1n);
  } else if ('wait' in step) {
    const { for: place, value } = step.wait;
    yield cpu.waitForWord(driver.addressOf(place), value, `${place} to become ${value}`);
  } else if ('lock' in step) {
    yield cpu.lock(driver.addressOf(step.lock), step.lock);
  } else if ('unlock' in step) {
    yield cpu.unlock(driver.addressOf(step.unlock));
  } else if ('begin' in step) {
    const { entry, targets, hitless } = step.begin;
    const words = targets.map((target) => driver.targetWords(target, entry));
    yield driver.beginUpdate(driver.addressOf(entry), words, hitless);
  } else if ('end' in step) {
    const { entry, target } = step.end;
    yield driver.endUpdate(driver.addressOf(entry), driver.targetWords(target, entry));
  } else if ('flow' in step) {
    yield flowWith(step.flow, step.with)(driver.environment(cpu));
  } else if ('if' in step) {
    const taken = registers.get(step.if.value) === BigInt(step.if.equals) ? step.do : step.else;
    yield runSteps(taken, run);
  } else if (!('repeat' in step)) {
    yield driver.own(step, run);
  } else if (typeof step.repeat === 'number') {
    for (let i = 0; i < step.repeat; i += 1) {
      yield runSteps(step.steps, run);
    }
  } else {
    const { value, equals } = step.repeat.until;
    for (let round = 1; ; round += 1) {
      yield runSteps(step.steps, run);
      if (registers.get(value) === BigInt(equals)) {
        return;
      }
      yield new Retry(`repeat until ${value} is ${equals}`, round);
    }
  }
}

function storeStep(cpu: Cpu, address: number, store: StoreStep) {
  const value = BigInt(store.value);
  switch (store.bits) {
    case 32:
      return cpu.store32(address, value, store.order);
    case 64:
      return cpu.store64(address, value, store.order);
    case 128:
      // As wide as that it is a compare-exchange, which is fully ordered.
      return cpu.store128(address, value);
  }
}
