import { atsHint } from './check-invalidations.ts';
import { type Problem, reference, wrong } from './problem.ts';
import { parseRiscvPlace, type RiscvPlace, type RiscvPlaceStructure } from './riscv-place.ts';
import { iommuCount, processBits, riscvMappedBits } from './riscv-plan.ts';
import type { RiscvWorld } from './schema.ts';
import type { StepRules, TargetUse } from './step-rules.ts';
import type { InlineCommand, RiscvTarget } from './steps-schema.ts';
import { changedPagesOf, type PlaceUse } from './task-plan.ts';

type Path = readonly PropertyKey[];

/** What steps may say beside a RISC-V IOMMU; the schema has seen to the form of each. */
export function riscvStepRules(world: RiscvWorld): StepRules {
  return {
    place: (use) => checkPlace(world, use),
    target: (use) => checkTarget(world, use),
    own: (step, path) => {
      if ('submit' in step) {
        const { submit: commands } = step;
        return [
          ...checkIommu(world, 'iommu' in step ? step.iommu : 0, [...path, 'iommu']),
          ...commands.flatMap((command, i) => checkCommand(world, command as InlineCommand, [...path, 'submit', i])),
        ];
      }
      if ('set' in step) {
        return checkSet(world, step.set, [...path, 'set']);
      }
      if ('free' in step) {
        return checkFreed(world, step.free, [...path, 'free']);
      }
      if ('write' in step) {
        return checkIommu(world, step.iommu, [...path, 'iommu']);
      }
      return 'passed' in step ? checkIommu(world, step.passed, [...path, 'passed']) : [];
    },
  };
}

function checkIommu(world: RiscvWorld, iommu: number, path: Path): readonly Problem[] {
  return iommu < iommuCount(world) ? [] : [wrong(path, `no device is behind an IOMMU ${iommu}`)];
}

/** Doublewords of each entry, and whether it has an index, in brackets. */
const entries: Readonly<Record<RiscvPlaceStructure, { readonly index: 'none' | 'process' | 'iova' }>> = {
  ddt: { index: 'none' },
  dc: { index: 'none' },
  pdt: { index: 'process' },
  pc: { index: 'process' },
  pte: { index: 'iova' },
  table: { index: 'iova' },
};

function wordCount({ platform }: RiscvWorld, structure: RiscvPlaceStructure): number {
  if (structure === 'dc') {
    return platform.iommu.deviceContext === 'base' ? 4 : 8;
  }
  return structure === 'pc' ? 2 : 1;
}

function checkPlace(world: RiscvWorld, { text, path, use, bits }: PlaceUse): readonly Problem[] {
  const place = parseRiscvPlace(text);
  if (place === undefined) {
    return [];
  }
  const { name, structure, word, letter, isHigh } = place;
  if (isHigh && bits !== 32) {
    return [wrong(path, 'the upper half is a place for 32 bits', 'set bits: 32')];
  }
  if (bits === 128 && word % 2 === 1) {
    return [wrong(path, `a 16-byte store is aligned: to an even doubleword, not to ${letter}${word}`)];
  }
  if (structure === undefined) {
    return checkPagePlace(world, place, { path, use });
  }
  const owner = checkOwner(world, place, path);
  if (owner.length > 0) {
    return owner;
  }
  if (letter === 'q') {
    return [wrong(path, `the doublewords of ${name}.${structure} are w0, w1 and so on`)];
  }
  if (use === 'declare' && (letter !== undefined || isHigh)) {
    return [wrong(path, 'an update is of a whole entry', `leave out ".w${word}"`)];
  }
  const count = wordCount(world, structure);
  if (word + bits / 64 > count) {
    const words = count === 1 ? 'its only doubleword is w0' : `its doublewords are w0 to w${count - 1}`;
    return [wrong(path, `${name}.${structure} has ${count * 64} bits: ${words}`)];
  }
  return [];
}

/** Whether the entry that a place names is there. */
function checkOwner(world: RiscvWorld, { name, structure, index }: RiscvPlace, path: Path): readonly Problem[] {
  const { index: kind } = entries[structure as RiscvPlaceStructure];
  const isOfDomain = kind === 'iova';
  const unknown = isOfDomain
    ? reference('domain', name, Object.keys(world.domains), path)
    : reference('device', name, Object.keys(world.platform.devices), path);
  if (unknown.length > 0) {
    return unknown;
  }
  if (kind === 'none') {
    const isMissing = structure === 'ddt' && world.platform.iommu.levels === 1;
    return [
      ...(index === undefined ? [] : [wrong(path, `there is one ${name}.${structure}: it has no index`)]),
      ...(isMissing
        ? [wrong(path, 'a directory of 1 level has device contexts only', 'set platform.iommu.levels: 2')]
        : []),
    ];
  }
  if (index === undefined) {
    const example = isOfDomain ? `${name}.${structure}[0x1000]` : `${name}.${structure}[1]`;
    return [wrong(path, `which ${structure} of "${name}" is said in brackets, as in ${example}`)];
  }
  return isOfDomain
    ? checkIova(world, { name, iova: index, path })
    : checkProcess(world, { name, structure, index, path });
}

function checkIova(
  world: RiscvWorld,
  { name, iova, path }: { readonly name: string; readonly iova: number; readonly path: Path },
): readonly Problem[] {
  const domain = world.domains[name];
  const bits = domain === undefined ? 0 : riscvMappedBits(domain);
  if (bits === 0) {
    return [wrong(path, `"${name}" has no page tables`)];
  }
  if (iova % 4096 !== 0) {
    return [wrong(path, `0x${iova.toString(16)} is not the beginning of a 4 KB page`)];
  }
  const text = `0x${iova.toString(16)}`;
  const isMapped = Object.keys(domain?.map ?? {}).some((each) => Number(each) === iova);
  const isMappedLater = changedPagesOf(world).some(
    (change) => change.domain === name && change.iova === iova && change.page !== undefined,
  );
  return isMapped || isMappedLater
    ? []
    : [wrong(path, `"${name}" has no page at ${text}`, `add ${text} to the map of "${name}", or map it in a flow`)];
}

function checkProcess(
  { platform }: RiscvWorld,
  use: Pick<RiscvPlace, 'name' | 'structure'> & { readonly index: number; readonly path: Path },
): readonly Problem[] {
  const { name, structure, index, path } = use;
  const { processDirectory = 'none' } = platform.devices[name] ?? {};
  const hint = `set platform.devices.${name}.processDirectory: pd8`;
  if (processDirectory === 'none') {
    return [wrong(path, `"${name}" has no process contexts`, hint)];
  }
  if (structure === 'pdt' && processDirectory === 'pd8') {
    return [wrong(path, 'a process directory of 1 level has process contexts only', hint.replace('pd8', 'pd17'))];
  }
  const bits = processBits[processDirectory];
  return index < 2 ** bits ? [] : [wrong(path, `process ${index} has no place in a directory of ${bits} bits`)];
}

function checkPagePlace(
  world: RiscvWorld,
  { name, letter }: RiscvPlace,
  { path, use }: Pick<PlaceUse, 'path' | 'use'>,
): readonly Problem[] {
  if (use === 'declare') {
    return [wrong(path, 'an update is of an entry: of a device dc, pc, ddt or pdt, of a domain pte or table')];
  }
  return letter === 'w'
    ? [wrong(path, `the doublewords of a page are q0 to q7, and "${name}" is no entry`)]
    : checkPage(world, name, path);
}

function checkPage(world: RiscvWorld, name: string, path: Path): readonly Problem[] {
  return Object.hasOwn(world.platform.devices, name)
    ? [wrong(path, `"${name}" is a device, not a page`, `name one of its entries, as in ${name}.dc`)]
    : [];
}

/** One store writes one doubleword. */
function checkSet(
  world: RiscvWorld,
  { entry, to }: { readonly entry: string; readonly to: RiscvTarget },
  path: Path,
): readonly Problem[] {
  const structure = parseRiscvPlace(entry)?.structure;
  return structure === undefined || wordCount(world, structure) > 1
    ? [wrong([...path, 'entry'], 'set writes an entry of one doubleword: a pte, table, ddt or pdt')]
    : checkTarget(world, { target: to, entry, path: [...path, 'to'] });
}

/** What is freed is a page, or a table, as a whole. */
function checkFreed(world: RiscvWorld, text: string, path: Path): readonly Problem[] {
  const place = parseRiscvPlace(text);
  if (place === undefined) {
    return [];
  }
  if (place.letter !== undefined || place.isHigh || (place.structure !== undefined && place.structure !== 'table')) {
    return [wrong(path, 'what is freed is a page of memory, or the table that domain.table[iova] leads to')];
  }
  return place.structure === undefined ? checkPage(world, place.name, path) : checkOwner(world, place, path);
}

/** What an entry becomes is of its kind: a context leads to a domain, a leaf PTE to a page, one above it to its table. */
function checkTarget(world: RiscvWorld, { entry, path, ...use }: TargetUse): readonly Problem[] {
  const target = use.target as RiscvTarget;
  const structure = parseRiscvPlace(entry)?.structure;
  if (target === 'not-present' || structure === undefined) {
    return [];
  }
  if (target === 'table') {
    return structure === 'pte' || structure === 'dc' || structure === 'pc'
      ? [wrong(path, `a ${structure} leads to no table of its own kind`, 'table is of ddt, pdt and table entries')]
      : [];
  }
  if ('domain' in target) {
    const unknown = reference('domain', target.domain, Object.keys(world.domains), [...path, 'domain']);
    return unknown.length > 0 || structure === 'dc' || structure === 'pc'
      ? unknown
      : [wrong(path, `a ${structure} entry leads to no domain`)];
  }
  if (structure === 'table' && !world.platform.hugePages.includes(target.page)) {
    const hint = `set platform.hugePages: [${target.page}]`;
    return [wrong([...path, 'page'], `"${target.page}" has 4 KB, and this entry maps 2 MB`, hint)];
  }
  return structure === 'pte' || structure === 'table'
    ? checkPage(world, target.page, [...path, 'page'])
    : [wrong(path, `a ${structure} entry leads to no page of memory`)];
}

function checkCommand(world: RiscvWorld, command: InlineCommand, path: Path): readonly Problem[] {
  const devices = Object.keys(world.platform.devices);
  if ('iotinval-vma' in command) {
    return checkRange(world, command['iotinval-vma'], [...path, 'iotinval-vma']);
  }
  if ('iotinval-gvma' in command) {
    return checkRange(world, command['iotinval-gvma'], [...path, 'iotinval-gvma']);
  }
  if ('iodir-inval-ddt' in command) {
    const { device } = command['iodir-inval-ddt'];
    return device === undefined ? [] : reference('device', device, devices, [...path, 'iodir-inval-ddt', 'device']);
  }
  if ('iodir-inval-pdt' in command) {
    return reference('device', command['iodir-inval-pdt'].device, devices, [...path, 'iodir-inval-pdt', 'device']);
  }
  if ('ats-inval' in command) {
    const { device, address } = command['ats-inval'];
    const at = [...path, 'ats-inval'];
    const unknown = reference('device', device, devices, [...at, 'device']);
    const hasAts = unknown.length === 0 && world.platform.devices[device]?.ats !== false;
    return [
      ...unknown,
      ...(unknown.length > 0 || hasAts
        ? []
        : [wrong([...at, 'device'], `"${device}" has no device TLB`, atsHint(device))]),
      ...checkAligned(address, [...at, 'address']),
    ];
  }
  return [];
}

interface Range {
  readonly address?: number | undefined;
  readonly nonLeaf?: boolean | undefined;
}

function checkRange({ platform }: RiscvWorld, { address, nonLeaf }: Range, path: Path): readonly Problem[] {
  const { NL = 0 } = platform.iommu.capabilities;
  if (nonLeaf === true && NL === 0) {
    return [wrong([...path, 'nonLeaf'], 'the IOMMU has no NL operand', 'set platform.iommu.capabilities.NL: 1')];
  }
  return nonLeaf === true && address === undefined
    ? [wrong([...path, 'nonLeaf'], 'nonLeaf is of one address', 'add its address: without one non-leaf entries go too')]
    : checkAligned(address, [...path, 'address']);
}

function checkAligned(address: number | undefined, path: Path): readonly Problem[] {
  return address === undefined || address % 4096 === 0
    ? []
    : [wrong(path, `0x${address.toString(16)} is not the beginning of a 4 KB page`)];
}
