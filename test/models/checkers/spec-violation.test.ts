import { describe, expect, it } from 'vitest';
import { specViolation } from '../../../models/checkers/spec-violation.ts';
import { pasidEntryFor } from '../../../models/linux/vtd/pasid-encoding.ts';
import type { Domain } from '../../../models/linux/vtd/vtd-driver.ts';
import type { Cpu } from '../../../models/memory/cpu.ts';
import { encodePasidEntry, pasidTableType } from '../../../models/vtd/entries/pasid-entry.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { type TaskParts, type VtdRun, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

const devices = { nic: 0x10, gpu: 0x18 };
const { first, second, nested, passThrough } = pasidTableType;
const common = { present: 1, pageWalkSnoop: 1 };

function qword(words: ArrayLike<number>, index: number): bigint {
  return (BigInt(words[2 * index + 1] as number) << 32n) | BigInt(words[2 * index] as number);
}

/** Installs an entry as a driver should: all fields, then P. */
function* install(cpu: Cpu, { vtd }: TaskParts, place: { device: string; pasid: number }, words: Uint32Array) {
  const address = vtd.pasidEntryAddress(place.device, place.pasid);
  yield* vtd.beginUpdate(address, [words]);
  for (const index of [3, 2, 1]) {
    yield* cpu.store64(address + index * 8, qword(words, index));
  }
  yield* cpu.store64(address, qword(words, 0) & ~1n);
  yield* cpu.store64(address, qword(words, 0));
  yield* vtd.endUpdate(address, words);
}

interface Second {
  /** The domain of `nic`, PASID 1, when the run begins. */
  readonly stage: 'first' | 'second' | 'nested' | 'pass-through';
  readonly device?: string;
  readonly pasid?: number;
  /** The entry installed beside it, from the domain of the first. */
  readonly words: (domain: Domain) => Uint32Array;
  readonly facts?: WorldSketch['facts'];
}

function installBeside({ stage, device = 'nic', pasid = 2, words, facts = {} }: Second): VtdRun {
  const world = vtdWorld({
    devices,
    domains: { a: { stage, did: 5 } },
    attach: [{ pasid: 1, domain: 'a' }],
    pasids: [2],
    tasks: { driver: (parts) => install(parts.cpu, parts, { device, pasid }, words(parts.domain('a'))) },
    checkers: [specViolation],
    facts,
  });
  return world.runWith(1);
}

const otherTable = 0x2_0000;
const secondStage = { ...common, pgtt: second, addressWidth: 2 };
const firstStage = { ...common, pgtt: first };

type Row = readonly [string, Second];

describe('spec-violation (VT-d 6.2.3.1), between two entries', () => {
  const broken: readonly (readonly [...Row, string])[] = [
    [
      'one DID for two SSPTPTRs',
      {
        stage: 'second',
        words: () => encodePasidEntry({ ...secondStage, domainId: 5, secondStagePointer: otherTable }),
      },
      'C3: nic.pasid[2] and nic.pasid[1]: entries with the same DID must have the same SSPTPTR and AW',
    ],
    [
      'one DID for two AWs',
      {
        stage: 'second',
        words: ({ secondStageTable: secondStagePointer }) =>
          encodePasidEntry({ ...secondStage, domainId: 5, secondStagePointer, addressWidth: 1 }),
      },
      'C3: ',
    ],
    [
      'one DID for a second-stage and a first-stage entry',
      { stage: 'second', words: () => encodePasidEntry({ ...firstStage, domainId: 5, firstStagePointer: otherTable }) },
      'C4: nic.pasid[2] and nic.pasid[1]: DIDs of first-stage and pass-through entries must differ',
    ],
    [
      'one DID for a nested and a pass-through entry',
      {
        stage: 'nested',
        words: () => encodePasidEntry({ ...common, pgtt: passThrough, addressWidth: 2, domainId: 5 }),
      },
      'C4: ',
    ],
    [
      'one PASID and DID of two devices for two first-stage tables',
      {
        stage: 'first',
        device: 'gpu',
        pasid: 1,
        words: () => encodePasidEntry({ ...firstStage, domainId: 5, firstStagePointer: otherTable }),
      },
      'C5: gpu.pasid[1] and nic.pasid[1]: entries with the same PASID and DID must have the same pointers',
    ],
    [
      'one PASID and DID of two devices for two PGTTs',
      {
        stage: 'first',
        device: 'gpu',
        pasid: 1,
        words: () => encodePasidEntry({ ...common, pgtt: passThrough, domainId: 5 }),
      },
      'C5: ',
    ],
    [
      'one first-stage table with two FSPMs',
      {
        stage: 'first',
        words: ({ firstStageTable: firstStagePointer }) =>
          encodePasidEntry({ ...firstStage, domainId: 6, firstStagePointer, firstStageMode: 1 }),
      },
      'C6: nic.pasid[2] and nic.pasid[1]: entries with the same pointers must have the same FSPM, EAFE and SSADE',
    ],
    [
      'one first-stage table with two EAFEs',
      {
        stage: 'first',
        words: ({ firstStageTable: firstStagePointer }) =>
          encodePasidEntry({ ...firstStage, domainId: 6, firstStagePointer, extendedAccessedFlag: 1 }),
      },
      'C6: ',
    ],
    [
      'one second-stage table with two SSADEs',
      {
        stage: 'second',
        words: ({ secondStageTable: secondStagePointer }) =>
          encodePasidEntry({ ...secondStage, domainId: 6, secondStagePointer, secondStageAccessedDirty: 1 }),
      },
      'C6: ',
    ],
    [
      'DID 0 with caching mode',
      {
        stage: 'first',
        facts: { cachingMode: true },
        words: () => encodePasidEntry({ ...firstStage, domainId: 0, firstStagePointer: otherTable }),
      },
      'C7: nic.pasid[2] has DID 0, which caching mode reserves',
    ],
  ];
  it.each(broken)('is broken by %s', (_, second_, message) => {
    expect(installBeside(second_).outcome).toMatchObject({
      end: 'finished',
      violations: [{ rule: 'spec-violation', message: expect.stringContaining(message), source: 'VT-d 6.2.3.1' }],
    });
  });

  it.each<Row>([
    [
      'another DID for another SSPTPTR',
      {
        stage: 'second',
        words: () => encodePasidEntry({ ...secondStage, domainId: 6, secondStagePointer: otherTable }),
      },
    ],
    ['the same domain again', { stage: 'second', words: pasidEntryFor }],
    ['the same domain for another device', { stage: 'first', device: 'gpu', pasid: 1, words: pasidEntryFor }],
    [
      'one DID for a second-stage and a nested entry of one second-stage table',
      {
        stage: 'second',
        words: ({ secondStageTable: secondStagePointer }) =>
          encodePasidEntry({
            ...secondStage,
            pgtt: nested,
            domainId: 5,
            secondStagePointer,
            firstStagePointer: otherTable,
          }),
      },
    ],
    [
      'one DID for two first-stage tables of two PASIDs',
      { stage: 'first', words: () => encodePasidEntry({ ...firstStage, domainId: 5, firstStagePointer: otherTable }) },
    ],
    [
      'one DID for a first-stage and a pass-through entry of two PASIDs',
      { stage: 'first', words: () => encodePasidEntry({ ...common, pgtt: passThrough, domainId: 5 }) },
    ],
    [
      'another first-stage table with another FSPM',
      {
        stage: 'first',
        words: () => encodePasidEntry({ ...firstStage, domainId: 6, firstStagePointer: otherTable, firstStageMode: 1 }),
      },
    ],
    [
      'DID 0 without caching mode',
      { stage: 'first', words: () => encodePasidEntry({ ...firstStage, domainId: 0, firstStagePointer: otherTable }) },
    ],
  ])('is not broken by %s', (_, second_) => {
    expect(installBeside(second_).rules).toEqual([]);
  });
});

describe('spec-violation, of one entry', () => {
  const replace = (order: string, to: 'b' | 'c' = 'b'): VtdRun => {
    const world = vtdWorld({
      domains: {
        a: { stage: 'second', did: 5 },
        b: { stage: 'second', did: 6, map: { 4096: 'page2' } },
        c: { stage: 'second', did: 5, map: { 4096: 'page3' } },
      },
      attach: [{ pasid: 1, domain: 'a' }],
      tasks: { driver: flowTask('vtd/pasid-replace', { pasid: 1, from: 'a', to, order }) },
      checkers: [specViolation],
    });
    return world.runWith(1);
  };

  it('is broken by a present entry that is neither old nor new, seen or not (C1)', () => {
    expect(replace('qwords').outcome.violations).toEqual([
      {
        rule: 'spec-violation',
        message: 'C1: nic.pasid[1] is present in memory and equals neither the old nor the new entry',
        source: 'VT-d 6.2.3.1',
        subject: 'C1 nic.pasid[1] in memory',
      },
    ]);
  });

  it('is broken by another SSPTPTR under the same DID (C1)', () => {
    expect(replace('whole-low', 'c').outcome.violations).toMatchObject([
      { message: 'C1: nic.pasid[1] got another SSPTPTR or PGTT under the same DID' },
    ]);
  });

  it('is broken by another PGTT under the same DID (C1)', () => {
    const world = vtdWorld({
      domains: { a: { stage: 'first', did: 1 }, b: { stage: 'pass-through', did: 1 } },
      attach: [{ pasid: 1, domain: 'a' }],
      tasks: { driver: flowTask('vtd/pasid-replace', { pasid: 1, from: 'a', to: 'b', order: 'low-high' }) },
      checkers: [specViolation],
    });
    expect(world.runWith(1).outcome.violations[0]?.message).toContain('under the same DID');
  });

  it.each(['whole-low', 'teardown-setup'])('is not broken by "%s", which changes SSPTPTR with the DID', (order) => {
    expect(replace(order).rules).toEqual([]);
  });

  it('is not broken by another FSPTPTR under the same DID, which C1 does not speak of', () => {
    const world = vtdWorld({
      domains: { a: { stage: 'first', did: 1 }, b: { stage: 'first', did: 1, map: { 4096: 'page2' } } },
      attach: [{ pasid: 1, domain: 'a' }],
      tasks: { driver: flowTask('vtd/pasid-replace', { pasid: 1, from: 'a', to: 'b', order: 'high-low' }) },
      checkers: [specViolation],
    });
    expect(world.runWith(1).rules).toEqual([]);
  });

  it('is not broken by anything in an entry that is not present', () => {
    const world = vtdWorld({
      pasids: [1],
      tasks: {
        *driver({ cpu, vtd }) {
          for (const [q, value] of [0xdead_beee_dead_beeen, 5n, 0xdead_beef_dead_beefn].entries()) {
            yield* cpu.store64(vtd.pasidEntryAddress('nic', 1) + q * 8, value);
          }
        },
      },
      checkers: [specViolation],
    });
    expect(world.runWith(1).rules).toEqual([]);
  });

  it('is not broken by a DID that goes from one entry to the next', () => {
    const world = vtdWorld({
      devices,
      domains: { a: { stage: 'second', did: 5 }, b: { stage: 'second', did: 5, map: { 4096: 'page2' } } },
      attach: [{ pasid: 1, domain: 'a' }],
      pasids: [2],
      tasks: {
        *driver(parts) {
          yield* flowTask('vtd/pasid-teardown', { pasid: 1, domain: 'a', order: 'present-bit-first' })(parts);
          yield* flowTask('vtd/pasid-setup', { pasid: 2, domain: 'b', order: 'barrier' })(parts);
        },
      },
      checkers: [specViolation],
    });
    expect(world.runWith(1).rules).toEqual([]);
  });

  it('is reported once a run, however many entries break it', () => {
    const world = vtdWorld({
      domains: { a: { stage: 'second', did: 5 } },
      attach: [{ pasid: 1, domain: 'a' }],
      pasids: [2, 3],
      tasks: {
        *driver(parts) {
          const words = encodePasidEntry({ ...secondStage, domainId: 5, secondStagePointer: otherTable });
          yield* install(parts.cpu, parts, { device: 'nic', pasid: 2 }, words);
          yield* install(parts.cpu, parts, { device: 'nic', pasid: 3 }, words);
        },
      },
      checkers: [specViolation],
    });
    expect(world.runWith(1).rules).toEqual(['spec-violation']);
  });
});
