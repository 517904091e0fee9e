import { describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../models/trace-events.ts';
import { loadScenario, type ScenarioCase } from '../../scenarios/load-scenario.ts';
import type { RunRecord } from '../../scenarios/report.ts';
import { replayCase, runCase } from '../../scenarios/run-case.ts';

interface Parts {
  readonly memory?: string;
  readonly iommu?: string;
  readonly device?: string;
  readonly domains?: string;
  readonly start?: string;
  readonly tasks: string;
}

function scenario({ memory = 'sc', iommu = '', device = '', domains, start, tasks }: Parts): ScenarioCase {
  const yaml = `title: a world
source: test
platform:
  memory: ${memory}
  memoryPages: 128
  iommu: { model: riscv${iommu} }
  devices: { nic: { requesterId: "01:02.0"${device} } }
domains: ${domains ?? '{ a: { stage: first, pscid: 5, map: { 0x1000: page1 } } }'}
start: ${start ?? '{ attach: [{ device: nic, domain: a }] }'}
tasks: ${tasks}
cases: { only: { expect: holds } }
`;
  const [only] = loadScenario('world.yaml', new TextEncoder().encode(yaml)).cases;
  return only as ScenarioCase;
}

const recordOf = (parts: Parts): RunRecord => replayCase(scenario(parts), { strategy: 'random', seed: 1n });

function eventsOf<K extends TraceEvent['kind']>(
  { records }: RunRecord,
  kind: K,
): readonly Extract<TraceEvent, { kind: K }>[] {
  return records.flatMap(({ event }) => (event.kind === kind ? [event as Extract<TraceEvent, { kind: K }>] : []));
}

/** Name of the page of each DMA, in order; faults as `fault <cause>`. */
function landings(record: RunRecord): readonly string[] {
  return record.records.flatMap(({ event }) => {
    if (event.kind === 'dma') {
      const place = record.places.find(
        ({ address, byteCount }) => event.address >= address && event.address < address + byteCount,
      );
      return [place?.name ?? 'nowhere'];
    }
    return event.kind === 'fault' ? [`fault ${event.reason}`] : [];
  });
}

const dma = (request: string): string => `{ traffic: { device: nic, dma: { ${request} } } }`;

describe('a RISC-V world', () => {
  it.each([
    ['two levels, base contexts', ', levels: 2'],
    ['three levels, base contexts', ', levels: 3'],
    ['two levels, extended contexts', ', levels: 2, deviceContext: extended'],
  ])('leads requests through %s', (_, iommu) => {
    expect(landings(recordOf({ iommu, tasks: dma('iova: 0x1000') }))).toEqual(['page1']);
  });

  it.each(['sv39', 'sv48', 'sv57'])('has tables of %s in each stage', (mode) => {
    for (const stage of ['first', 'second', 'nested']) {
      const domains = `{ a: { stage: ${stage}, mode: ${mode}, map: { 0x1000: page1 } } }`;
      const tasks = dma('iova: 0x1000');
      expect(landings(recordOf({ iommu: ', levels: 2', domains, tasks })), stage).toEqual(['page1']);
    }
  });

  it('lets every address pass in an identity domain, and none in a blocking one', () => {
    for (const [stage, landed] of [
      ['identity', 'page1'],
      ['blocking', 'fault 258'],
    ] as const) {
      const domains = `{ a: { stage: ${stage} }, b: { stage: first, map: { 0x1000: page1 } } }`;
      const [page] = recordOf({ iommu: ', levels: 2', domains, tasks: dma('iova: 0x1000') }).places.filter(
        ({ name }) => name === 'page1',
      );
      const tasks = dma(`iova: ${page?.address}`);
      expect(landings(recordOf({ iommu: ', levels: 2', domains, tasks }))).toEqual([landed]);
    }
  });

  it.each(['pd8', 'pd17', 'pd20'])('leads requests through a process directory %s', (directory) => {
    const parts = {
      iommu: ', levels: 2',
      device: `, processDirectory: ${directory}`,
      domains: '{ a: { stage: first, map: { 0x1000: page1 } }, b: { stage: first, map: { 0x1000: page2 } } }',
      start: '{ attach: [{ device: nic, pasid: 7, domain: a }, { device: nic, pasid: 0, domain: b }] }',
    };
    expect(landings(recordOf({ ...parts, tasks: dma('pasid: 7, iova: 0x1000') }))).toEqual(['page1']);
    expect(landings(recordOf({ ...parts, tasks: dma('iova: 0x1000') }))).toEqual(['page2']);
    expect(landings(recordOf({ ...parts, tasks: dma('pasid: 8, iova: 0x1000') }))).toEqual(['fault 266']);
  });

  it('gives PSCIDs from 1 on, past those that the file gives', () => {
    const domains = `{ a: { stage: first, map: { 0x1000: page1 } }, b: { stage: first, pscid: 1 }, c: { stage: first } }`;
    const start = '{ attach: [{ device: nic, domain: a }] }';
    const record = recordOf({ iommu: ', levels: 2', domains, start, tasks: dma('iova: 0x1000') });
    expect(eventsOf(record, 'cache-filled').find(({ cache }) => cache === 'ioatc')?.did).toBe(2);
  });

  it('has left-over contexts that are not valid', () => {
    const start = '{ leftover: [{ device: nic, domain: a }] }';
    expect(landings(recordOf({ iommu: ', levels: 2', start, tasks: dma('iova: 0x1000') }))).toEqual(['fault 258']);
  });

  it('has devices behind two IOMMUs, each with a queue of its own', () => {
    const record = recordOf({
      iommu: ', levels: 2',
      device: ', iommu: 1',
      tasks: '{ ask: { cpu: 0, steps: [{ submit: [{ iofence: {} }], iommu: 1 }, { passed: 1 }] } }',
    });
    expect(eventsOf(record, 'descriptor-fetched')).toHaveLength(1);
    expect(record.end).toBe('finished');
  });
});

/** Two doublewords of each command that hardware has fetched. */
function commandsOf(commands: string, { iommu = '', device = '' } = {}): readonly string[] {
  const tasks = `{ ask: { cpu: 0, steps: [{ submit: [${commands}] }, { passed: 0 }] } }`;
  const record = recordOf({ iommu: `, levels: 2, cqSlots: 32${iommu}`, device, tasks });
  return eventsOf(record, 'descriptor-fetched').map(({ words: [a = 0, b = 0, c = 0, d = 0] }) => {
    const dword = (low: number, high: number): string =>
      `0x${((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString(16)}`;
    return `${dword(a, b)} ${dword(c, d)}`;
  });
}

describe('commands of inline steps', () => {
  // Worked by hand from the encodings of the specification; nic is 0x110.
  it.each([
    ['{ iotinval-vma: { pscid: 5 } }', '0x100005001 0x0'],
    ['{ iotinval-vma: { pscid: 5, address: 0x12345000 } }', '0x100005401 0x48d1400'],
    ['{ iotinval-vma: {} }', '0x1 0x0'],
    ['{ iotinval-vma: { gscid: 2 } }', '0x200200000001 0x0'],
    ['{ iotinval-gvma: { gscid: 2, address: 0x1000 } }', '0x200200000481 0x400'],
    ['{ iofence: {} }', '0x3002 0x0'],
    ['{ iofence: { pr: true, pw: false } }', '0x1002 0x0'],
    ['{ iodir-inval-ddt: { device: nic } }', '0x1100200000003 0x0'],
    ['{ iodir-inval-ddt: {} }', '0x3 0x0'],
    ['{ iodir-inval-pdt: { device: nic, pasid: 7 } }', '0x1100200007083 0x0'],
  ])('%s', (command, words) => {
    expect(commandsOf(command)).toEqual([words]);
  });

  it('take NL where the IOMMU has it', () => {
    const command = '{ iotinval-vma: { pscid: 5, address: 0x1000, nonLeaf: true } }';
    expect(commandsOf(command, { iommu: ', capabilities: { NL: 1 }' })).toEqual(['0x500005401 0x400']);
  });

  it('reach device TLBs', () => {
    const commands = '{ ats-inval: { device: nic, address: 0x1000 } }, { ats-inval: { device: nic } }, { iofence: {} }';
    expect(commandsOf(commands, { device: ', ats: true' })).toEqual([
      '0x1100000000004 0x1000',
      '0x1100000000004 0x7ffffffffffff800',
      '0x3002 0x0',
    ]);
  });

  it('take doublewords as they are, also those of no command: the queue stops', () => {
    const tasks = '{ ask: { cpu: 0, steps: [{ submit: [{ raw: [0x7f, 0] }] }, { passed: 0 }] } }';
    const record = recordOf({ iommu: ', levels: 2', tasks });
    expect(eventsOf(record, 'queue-error')).toEqual([expect.objectContaining({ slot: 0 })]);
  });
});

describe('inline steps beside a RISC-V IOMMU', () => {
  it('write, free and load what their places are', () => {
    const steps = [
      '{ begin: { entry: "a.pte[0x1000]", targets: [{ page: page2 }] } }',
      '{ set: { entry: "a.pte[0x1000]", to: { page: page2 } } }',
      '{ end: { entry: "a.pte[0x1000]", target: { page: page2 } } }',
      '{ load: { from: nic.dc.w2, as: ta } }',
      '{ if: { value: ta, equals: 0x5000 }, do: [{ free: page1 }] }',
      '{ store: { to: page3.q0, value: 1 } }',
    ];
    const tasks = `{ change: { cpu: 0, steps: [${steps.join(', ')}] }, traffic: { device: nic, dma: { iova: 0x1000, after: page3 } } }`;
    const record = recordOf({ iommu: ', levels: 2', tasks });
    expect(landings(record)).toEqual(['page2']);
    const freed = eventsOf(record, 'page-freed').map(({ address }) => address);
    expect(record.places.filter(({ address, name }) => freed.includes(address) && name === 'page1')).toHaveLength(1);
  });

  it('leave a torn PTE to hardware', () => {
    const steps =
      '{ begin: { entry: "a.pte[0x1000]", targets: [not-present] } }, { store: { to: "a.pte[0x1000].high", value: 1, bits: 32 } }';
    const tasks = `{ change: { cpu: 0, steps: [${steps}, { store: { to: page3.q0, value: 1 } }] }, traffic: { device: nic, dma: { iova: 0x1000, after: page3 } } }`;
    const one = scenario({ iommu: ', levels: 2', tasks });
    const report = runCase(one, { strategy: 'random', runs: 1, firstSeed: 1n, maxEvents: undefined });
    expect(report.violations.map(({ rule }) => rule)).toEqual(['corrupted-entry']);
  });

  it('attach a device whose context has more than V in tc', () => {
    const flow = (name: string, rest: string): string => `{ flow: riscv/${name}, with: { device: nic${rest} } }`;
    const steps = [flow('attach-blocking', ''), flow('attach-paging', ', domain: b'), flow('attach-identity', '')];
    const tasks = `{ change: { cpu: 0, steps: [${steps.join(', ')}] }, traffic: { device: nic, dma: { iova: 0x1000, ats: false, repeat: 20 } } }`;
    const domains = '{ a: { stage: first, map: { 0x1000: page1 } }, b: { stage: first, map: { 0x1000: page2 } } }';
    const iommu = ', levels: 2, dcReadOrder: tc-first';
    const one = scenario({ iommu, device: ', ats: true', domains, tasks });
    const report = runCase(one, { strategy: 'random', runs: 100, firstSeed: 1n, maxEvents: undefined });
    expect(report.violations).toEqual([]);
  });

  it('declare what may not fault', () => {
    const steps =
      '{ begin: { entry: "a.pte[0x1000]", targets: [not-present], hitless: true } }, { set: { entry: "a.pte[0x1000]", to: not-present } }, { store: { to: page3.q0, value: 1 } }';
    const tasks = `{ change: { cpu: 0, steps: [${steps}] }, traffic: { device: nic, dma: { iova: 0x1000, after: page3 } } }`;
    expect(recordOf({ iommu: ', levels: 2', tasks }).violations).toEqual([
      expect.objectContaining({
        rule: 'unexpected-fault',
        message: expect.stringContaining('faulted: cause 13 read page fault, while a.pte[0x1000] changed'),
        source: 'RISC-V IOMMU, Updating in-memory data structure entries',
      }),
    ]);
  });

  it('ask a device TLB that never answers', () => {
    const tasks =
      '{ ask: { cpu: 0, steps: [{ submit: [{ ats-inval: { device: nic } }, { iofence: {} }] }, { passed: 0 }] } }';
    const { violations } = recordOf({ iommu: ', levels: 2', device: ', ats: { answers: never }', tasks });
    expect(violations).toContainEqual(
      expect.objectContaining({
        rule: 'invalidation-timeout',
        source: 'RISC-V IOMMU, ATS.INVAL and IOFENCE.C (cmd_to)',
      }),
    );
  });

  it.each(['sc', 'x86-tso', 'rvwmo'])('write to a device, which gets that in a later step, under %s', (memory) => {
    const tasks = '{ handler: { cpu: 0, steps: [{ mmio: nic }, { repeat: 2, steps: [{ mmio: nic }] }] } }';
    const record = recordOf({ memory, device: ', ats: true', iommu: ', levels: 2', tasks });
    const states = eventsOf(record, 'link-message').map(({ itag, state, blocked }) => `${itag} ${state} ${blocked}`);
    expect(states.filter((state) => state === '-1 waits false')).toHaveLength(3);
    expect(states.filter((state) => state === '-1 arrives false')).toHaveLength(3);
    expect([states.length, states[0], states[5]]).toEqual([6, '-1 waits false', '-1 arrives false']);
  });

  it('make a page the memory of a second domain by a PTE that leads there', () => {
    const domains =
      '{ a: { stage: first, pscid: 5, map: { 0x1000: page1 } }, b: { stage: first, pscid: 6, map: { 0x1000: page2 } } }';
    const steps =
      '{ begin: { entry: "a.pte[0x1000]", targets: [{ page: page2 }] } }, { set: { entry: "a.pte[0x1000]", to: { page: page2 } } }';
    const tasks = `{ change: { cpu: 0, steps: [${steps}, { end: { entry: "a.pte[0x1000]", target: { page: page2 } } }, { store: { to: page3.q0, value: 1 } }] }, traffic: { device: nic, dma: { iova: 0x1000, after: page3 } } }`;
    const record = recordOf({ iommu: ', levels: 2', domains, tasks });
    // The PTE of "a" says that the page is its memory too.
    expect(record.violations).toEqual([]);
    expect(landings(record)).toEqual(['page2']);
  });
});
