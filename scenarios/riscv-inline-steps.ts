import { contextFor } from '../models/linux/riscv/context-encoding.ts';
import { leafPte } from '../models/linux/riscv/page-table-builder.ts';
import type { RiscvDriver } from '../models/linux/riscv/riscv-driver.ts';
import { pageBytes } from '../models/memory/physical-memory.ts';
import { atsInval, iodirInvalDdt, iodirInvalPdt, iofence, iotinval } from '../models/riscv/commands.ts';
import { encodeDirectoryEntry } from '../models/riscv/entries/directory-entry.ts';
import { encodePageTableEntry } from '../models/riscv/entries/page-table-entry.ts';
import { encodeProcessContext } from '../models/riscv/entries/process-context.ts';
import { riscvRegister } from '../models/riscv/riscv-iommu.ts';
import { assert } from '../sim/assert.ts';
import type { Flow } from '../sim/operation.ts';
import { parseRiscvPlace, type RiscvPlace } from './format/riscv-place.ts';
import type { InlineCommand, InlineStep, RiscvTarget } from './format/steps-schema.ts';
import type { InlineDriver, InlineRun } from './inline-steps.ts';
import type { RiscvTables } from './riscv-tables.ts';

/** The index of the command that a task submitted last to an IOMMU, as a register of the task. */
const lastIndex = (iommu: number): string => `last command of IOMMU ${iommu}`;

export interface RiscvPlaces {
  readonly riscv: RiscvDriver;
  readonly tables: RiscvTables;
  /** Address of a page of memory by its name. */
  readonly page: (name: string) => number;
}

/** Inline steps beside a RISC-V IOMMU. */
export function riscvInlineDriver(places: RiscvPlaces): InlineDriver {
  const { riscv } = places;
  return {
    environment: (cpu) => ({ cpu, riscv }),
    addressOf: (place) => addressOf(parsed(place), places),
    targetWords: (target, entry) => targetWords(target as RiscvTarget, parsed(entry), places),
    beginUpdate: (address, targets, hitless) => riscv.beginUpdate(address, targets, hitless),
    endUpdate: (address, target) => riscv.endUpdate(address, target),
    ownLoads: riscv.loadsOf({}),
    own: (step, run) => ownStep(step, run, places),
  };
}

function* ownStep(step: InlineStep, { cpu, driver, registers }: InlineRun, { riscv, ...places }: RiscvPlaces): Flow {
  if ('submit' in step) {
    const iommu = 'iommu' in step ? step.iommu : 0;
    for (const command of step.submit as readonly InlineCommand[]) {
      const index = yield* riscv.queue(iommu).send(cpu, wordsOf(command, riscv));
      registers.set(lastIndex(iommu), BigInt(index));
    }
  } else if ('set' in step) {
    const { entry, to } = step.set;
    const [low = 0, high = 0] = Array.from(driver.targetWords(to, entry));
    yield cpu.store64(driver.addressOf(entry), (BigInt(high) << 32n) | BigInt(low >>> 0));
  } else if ('passed' in step) {
    const index = registers.get(lastIndex(step.passed));
    if (index !== undefined && step.as !== undefined) {
      const hasFailed = yield* riscv.queue(step.passed).hasFailed(cpu, Number(index));
      registers.set(step.as, hasFailed ? 1n : 0n);
    } else if (index !== undefined) {
      yield riscv.queue(step.passed).waitFor(cpu, Number(index));
    }
  } else if ('write' in step) {
    const { registers: base } = riscv.queue(step.iommu).places;
    yield cpu.writeRegister(base + riscvRegister[step.write], 32, BigInt(step.value));
  } else if ('free' in step) {
    const { name, structure, index = 0 } = parsed(step.free);
    const isTable = structure === 'table';
    yield riscv.pages.free(isTable ? riscv.leaf(riscv.domain(name), index).table : places.page(name));
  }
}

function parsed(text: string): RiscvPlace {
  const place = parseRiscvPlace(text);
  assert(place !== undefined, `place ${text} is well formed`);
  return place;
}

function addressOf({ name, structure, index = 0, word, isHigh }: RiscvPlace, places: RiscvPlaces): number {
  const { riscv, tables, page } = places;
  const offset = word * 8 + (isHigh ? 4 : 0);
  switch (structure) {
    case 'dc':
      return tables.device(name).contextAddress + offset;
    case 'pc':
      return tables.process(name, index).contextAddress + offset;
    case 'ddt':
      return lastOf(tables.device(name).directory).address + offset;
    case 'pdt':
      return lastOf(tables.process(name, index).directory).address + offset;
    case 'pte':
      return riscv.leaf(riscv.domain(name), index).address + offset;
    case 'table':
      return riscv.leaf(riscv.domain(name), index).tableEntryAddress + offset;
    case undefined:
      return page(name) + offset;
  }
}

/** The entry that leads to the table of contexts. */
function lastOf<T>(entries: readonly T[]): T {
  const last = entries.at(-1);
  assert(last !== undefined, 'the directory has more than one level');
  return last;
}

function targetWords(target: RiscvTarget, place: RiscvPlace, places: RiscvPlaces): ArrayLike<number> {
  const { riscv, tables, page } = places;
  const { name, structure, index = 0 } = place;
  const { wordCount } = riscv.registry.modelOf(riscv.registry.entryAt(addressOf(place, places)));
  if (target === 'not-present') {
    return new Uint32Array(wordCount);
  }
  if (target === 'table') {
    if (structure === 'table') {
      const domain = riscv.domain(name);
      const { table } = riscv.leaf(domain, index);
      return encodePageTableEntry({ valid: 1, address: table + domain.leafBase });
    }
    const directory = structure === 'ddt' ? tables.device(name).directory : tables.process(name, index).directory;
    return encodeDirectoryEntry({ valid: 1, table: lastOf(directory).table });
  }
  if ('domain' in target) {
    const domain = riscv.domain(target.domain);
    return structure === 'dc' ? contextFor(domain, domain.pscid, wordCount) : processContextFor(domain);
  }
  const pte = leafPte(riscv.domain(name).leafBase + page(target.page), target.writable);
  return [Number(pte & 0xffff_ffffn), Number(pte >> 32n)];
}

const modes = { sv39: 8, sv48: 9, sv57: 10 } as const;

/** The context of a process of a domain; the identity domain is Bare. */
export function processContextFor({
  stage,
  mode,
  firstStageTable,
  pscid,
}: ReturnType<RiscvDriver['domain']>): Uint32Array {
  if (stage === 'blocking') {
    return encodeProcessContext({});
  }
  return firstStageTable === 0
    ? encodeProcessContext({ valid: 1 })
    : encodeProcessContext({ valid: 1, pscid, table: firstStageTable, mode: modes[mode] });
}

type Command = readonly [number, number, number, number];

function wordsOf(command: InlineCommand, riscv: RiscvDriver): Command {
  const [a = 0, b = 0, c = 0, d = 0] = commandWords(command, riscv);
  return [a, b, c, d];
}

function commandWords(command: InlineCommand, riscv: RiscvDriver): Iterable<number> {
  if ('iotinval-vma' in command) {
    const { address, ...operands } = command['iotinval-vma'];
    return iotinval('vma', { ...operands, ...pagesAt(address), nonLeaf: operands.nonLeaf === true });
  }
  if ('iotinval-gvma' in command) {
    const { address, gscid, nonLeaf } = command['iotinval-gvma'];
    return iotinval('gvma', { gscid, ...pagesAt(address), nonLeaf: nonLeaf === true });
  }
  if ('iofence' in command) {
    return iofence({ reads: command.iofence.pr, writes: command.iofence.pw });
  }
  if ('iodir-inval-ddt' in command) {
    const { device } = command['iodir-inval-ddt'];
    return iodirInvalDdt(device === undefined ? undefined : riscv.device(device).deviceId);
  }
  if ('iodir-inval-pdt' in command) {
    const { device, pasid } = command['iodir-inval-pdt'];
    return iodirInvalPdt(riscv.device(device).deviceId, pasid);
  }
  if ('ats-inval' in command) {
    const { device, pasid = -1, address } = command['ats-inval'];
    const isAll = address === undefined;
    return atsInval({
      sid: riscv.device(device).deviceId,
      pasid,
      global: false,
      firstPage: isAll ? 0 : address / pageBytes,
      pageCount: isAll ? Number.POSITIVE_INFINITY : 1,
    });
  }
  return command.raw.flatMap((dword) => [Number(BigInt(dword) & 0xffff_ffffn), Number(BigInt(dword) >> 32n)]);
}

function pagesAt(address: number | undefined) {
  return address === undefined ? {} : { pages: { firstPage: address / pageBytes, pageCount: 1 } };
}
