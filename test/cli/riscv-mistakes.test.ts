import { afterAll, describe, expect, it } from 'vitest';
import { CliWorld } from './cli-world.ts';
import { messagesOf } from './messages-of.ts';

const world = new CliWorld();
afterAll(() => world.remove());

const base = `title: A device is attached
source: made for the tests of the command line
platform:
  memory: rvwmo
  iommu: { model: riscv }
  devices: { nic: { requesterId: "00:02.0" } }
domains:
  a: { stage: first, map: { 0x1000: page1 } }
start:
  attach: [{ device: nic, domain: a }]
tasks:
  unmap: { cpu: 0, flow: riscv/unmap, with: { domain: a, iova: 0x1000 } }
  traffic: { device: nic, dma: { iova: 0x1000 } }
cases:
  only: { expect: holds }
`;

/** The scenario with one part replaced. */
function withRiscv(from: string, to: string): string {
  expect(base).toContain(from);
  return base.replace(from, () => to);
}

/** The scenario with steps in place of its flow. */
function withSteps(...steps: readonly string[]): string {
  const flow = '  unmap: { cpu: 0, flow: riscv/unmap, with: { domain: a, iova: 0x1000 } }\n';
  return withRiscv(flow, `  unmap: { cpu: 0, steps: [${steps.join(', ')}] }\n`);
}

async function expectMessages(text: string, messages: readonly string[]): Promise<void> {
  const file = world.write('mistakes.yaml', text);
  expect(await messagesOf(world, file)).toEqual(messages);
}

describe('a RISC-V scenario with a mistake', () => {
  it.each<readonly [string, string, readonly string[]]>([
    [
      'an IOMMU that nobody knows',
      withRiscv('model: riscv', 'model: riscw'),
      ['FILE:5:19: error: unknown IOMMU "riscw"', '  hint: did you mean "riscv"?'],
    ],
    [
      'a knob of VT-d',
      withRiscv('model: riscv', 'model: riscv, fetchOrder: any'),
      [
        'FILE:5:26: error: unknown key "fetchOrder"',
        '  hint: known keys: model, levels, deviceContext, dcReadOrder, squashesInFlight, ddtCacheEntries, pdtCacheEntries, iotlbEntries, firstStagePagingEntries, secondStagePagingEntries, commandOrder, cqSlots and 5 more',
      ],
    ],
    [
      'more levels than there are',
      withRiscv('model: riscv', 'model: riscv, levels: 4'),
      ['FILE:5:34: error: 4 is not a value of "levels"; expected one of 1, 2, 3'],
    ],
    [
      'a format of contexts that is none',
      withRiscv('model: riscv', 'model: riscv, deviceContext: extnded'),
      [
        'FILE:5:41: error: "extnded" is not a value of "deviceContext"; expected one of "base", "extended"',
        '  hint: did you mean "extended"?',
      ],
    ],
    [
      'an order of reads that is none',
      withRiscv('model: riscv', 'model: riscv, dcReadOrder: descending'),
      ['FILE:5:39: error: "descending" is not a value of "dcReadOrder"; expected one of "tc-first", "tc-last", "any"'],
    ],
    [
      'squashing that is no boolean',
      withRiscv('model: riscv', 'model: riscv, squashesInFlight: 1'),
      ['FILE:5:44: error: expected true or false, got 1'],
    ],
    [
      'caches that are too large',
      withRiscv('model: riscv', 'model: riscv, ddtCacheEntries: 17, pdtCacheEntries: -1, iotlbEntries: 65'),
      [
        'FILE:5:43: error: "ddtCacheEntries" must be at most 16, got 17',
        'FILE:5:64: error: "pdtCacheEntries" must be at least 0, got -1',
        'FILE:5:82: error: "iotlbEntries" must be at most 64, got 65',
      ],
    ],
    [
      'paging caches that are too large',
      withRiscv('model: riscv', 'model: riscv, firstStagePagingEntries: 65, secondStagePagingEntries: 1.5'),
      [
        'FILE:5:51: error: "firstStagePagingEntries" must be at most 64, got 65',
        'FILE:5:81: error: expected a whole number, got 1.5',
      ],
    ],
    [
      'an order of commands that is none',
      withRiscv('model: riscv', 'model: riscv, commandOrder: random'),
      ['FILE:5:40: error: "random" is not a value of "commandOrder"; expected one of "any", "in-order"'],
    ],
    [
      'a ring that is no power of two',
      withRiscv('model: riscv', 'model: riscv, cqSlots: 12, itags: 33'),
      [
        'FILE:5:35: error: 12 is not a value of "cqSlots"; expected one of 4, 8, 16, 32, 64, 128',
        'FILE:5:46: error: "itags" must be at most 32, got 33',
      ],
    ],
    [
      'a retry that is none',
      withRiscv('model: riscv', 'model: riscv, cmdToRetry: never, completionNeedsEnAts: maybe'),
      [
        'FILE:5:38: error: "never" is not a value of "cmdToRetry"; expected one of "succeeds", "reraises"',
        'FILE:5:67: error: expected true or false, got "maybe"',
      ],
    ],
    [
      'a capability that is none',
      withRiscv('model: riscv', 'model: riscv, capabilities: { NL: 2, Sv39: 1 }'),
      [
        'FILE:5:46: error: "NL" must be at most 1, got 2',
        'FILE:5:49: error: unknown key "Sv39"',
        '  hint: known keys: NL, S',
      ],
    ],
    [
      'a window that ends before it begins',
      withRiscv('model: riscv', 'model: riscv, timing: { quantumGap: { minNs: 2, maxNs: 1 } }'),
      ['FILE:5:48: error: minNs must not be greater than maxNs'],
    ],
    [
      'what Linux does, in the wrong words',
      withRiscv(
        '  devices:',
        '  linux: { queueErrors: retries, doorbellBarrier: smp_wmb, afterDoorbell: wmb, fencePr: 1, fencePw: 0 }\n  devices:',
      ),
      [
        'FILE:6:25: error: "retries" is not a value of "queueErrors"; expected one of "ignores", "head-only", "resubmits"',
        'FILE:6:51: error: expected true or false, got "smp_wmb"',
        'FILE:6:75: error: "wmb" is not a value of "afterDoorbell"; expected one of "mmiowb", "mb"',
        '  hint: did you mean "mb"?',
        'FILE:6:89: error: expected true or false, got 1',
        'FILE:6:101: error: expected true or false, got 0',
      ],
    ],
    [
      'a device with what only VT-d has',
      withRiscv('"00:02.0" }', '"00:02.0", ridPasid: 1 }'),
      ['FILE:6:45: error: unknown key "ridPasid"', '  hint: known keys: requesterId, ats, iommu, processDirectory'],
    ],
    [
      'a third IOMMU',
      withRiscv('"00:02.0" }', '"00:02.0", iommu: 2 }'),
      ['FILE:6:52: error: "iommu" must be at most 1, got 2'],
    ],
    [
      'a device ID that is too wide',
      withRiscv('"00:02.0"', '"01:02.0"'),
      [
        'FILE:6:34: error: the device ID of 01:02.0 needs 2 levels of the device directory, and there are 1',
        '  hint: set platform.iommu.levels: 2',
      ],
    ],
    [
      'a process directory that nobody uses',
      withRiscv('"00:02.0" }', '"00:02.0", processDirectory: pd8 }')
        .replace('  attach: [{ device: nic, domain: a }]', '  attach: []')
        .replace('  traffic: { device: nic, dma: { iova: 0x1000 } }\n', ''),
      ['FILE:6:63: error: no task and no start.attach names a process of "nic"', '  hint: set processDirectory: none'],
    ],
    [
      'a process directory of another size',
      withRiscv('"00:02.0" }', '"00:02.0", processDirectory: pd9 }'),
      [
        'FILE:6:63: error: "pd9" is not a value of "processDirectory"; expected one of "none", "pd8", "pd17", "pd20"',
        '  hint: did you mean "pd8"?',
      ],
    ],
    [
      'a domain ID',
      withRiscv('stage: first', 'stage: first, did: 5'),
      ['FILE:8:22: error: unknown key "did"', '  hint: known keys: stage, pscid, gscid, mode, map'],
    ],
    [
      'a stage of VT-d',
      withRiscv('stage: first', 'stage: pass-through'),
      [
        'FILE:8:15: error: "pass-through" is not a value of "stage"; expected one of "first", "second", "nested", "identity", "blocking"',
      ],
    ],
    [
      'a PSCID that is too great',
      withRiscv('stage: first', 'stage: first, pscid: 0x100000'),
      ['FILE:8:29: error: "pscid" must be at most 1048575 (0xfffff), got 0x100000'],
    ],
    [
      'a PSCID and pages of a domain without tables',
      withRiscv('stage: first', 'stage: identity, pscid: 4, gscid: 1'),
      [
        'FILE:8:25: error: a domain of stage identity has no PSCID',
        'FILE:8:35: error: a domain of stage identity has no GSCID',
        'FILE:8:45: error: a domain of stage identity has no page tables',
        'FILE:12:64: error: "a" is a domain of stage identity: it has no page tables',
      ],
    ],
    [
      'two domains with one PSCID',
      withRiscv('  a: { stage: first', '  b: { stage: first, pscid: 3 }\n  a: { stage: first, pscid: 3'),
      ['FILE:9:29: error: 3 is already the PSCID of "b"'],
    ],
    [
      'an IOVA that its tables do not map',
      withRiscv('0x1000: page1', '0x1000: page1, 0x8000000000: page2'),
      ['FILE:8:44: error: the IOVA 0x8000000000 is too great: tables of stage first map 38 bits'],
    ],
    [
      'a mode that is none',
      withRiscv('stage: first', 'stage: first, mode: sv64'),
      ['FILE:8:28: error: "sv64" is not a value of "mode"; expected one of "sv39", "sv48", "sv57"'],
    ],
    [
      'a domain that is made in the run, attached before',
      withRiscv('stage: first', 'stage: first, pscid: none'),
      ['FILE:10:35: error: "a" has no PSCID yet', '  hint: leave pscid out, or attach the domain in a flow'],
    ],
    [
      'a process without a directory',
      withRiscv('{ device: nic, domain: a }]', '{ device: nic, pasid: 3, domain: a }]'),
      ['FILE:10:34: error: "nic" has no process contexts', '  hint: set platform.devices.nic.processDirectory: pd8'],
    ],
    [
      'no process with a directory',
      withRiscv('"00:02.0" }', '"00:02.0", processDirectory: pd8 }'),
      [
        'FILE:10:12: error: the context of "nic" leads to process contexts',
        '  hint: add a pasid; 0 is of requests without',
      ],
    ],
    [
      'a process beyond the directory',
      withRiscv('"00:02.0" }', '"00:02.0", processDirectory: pd8 }').replace(
        '{ device: nic, domain: a }]',
        '{ device: nic, pasid: 256, domain: a }]',
      ),
      ['FILE:10:34: error: process 256 has no place in a directory of 8 bits'],
    ],
    [
      'a context with two contents',
      withRiscv(
        '  attach: [{ device: nic, domain: a }]',
        '  attach: [{ device: nic, domain: a }]\n  leftover: [{ device: nic, domain: a }]',
      ),
      ['FILE:11:14: error: the context of "nic" already has contents'],
    ],
    [
      'left-over contents of nobody',
      withRiscv('  attach: [{ device: nic, domain: a }]', '  leftover: [{ device: nik, domain: b }]'),
      [
        'FILE:10:24: error: unknown device "nik"',
        '  hint: did you mean "nic"?',
        'FILE:10:37: error: unknown domain "b"',
        '  hint: known: a',
      ],
    ],
    [
      'entries that are not present',
      withRiscv('  attach: [{ device: nic, domain: a }]', '  notPresent: [{ device: nic, entry: root }]'),
      ['FILE:10:3: error: unknown key "notPresent"', '  hint: known keys: attach, leftover'],
    ],
    [
      'interrupts',
      withRiscv('tasks:', 'interrupts: { entries: [] }\ntasks:'),
      [
        'FILE:11:1: error: unknown key "interrupts"',
        '  hint: known keys: platform, domains, start, tasks, forbidden, limits',
      ],
    ],
    [
      'a flow of the other driver',
      withRiscv('riscv/unmap', 'vtd/unmap'),
      [
        'FILE:12:26: error: vtd/unmap is of the driver of another IOMMU: this one is riscv',
        '  hint: did you mean "riscv/unmap"?',
      ],
    ],
    [
      'a flow of the other driver without a twin',
      withRiscv(
        'riscv/unmap, with: { domain: a, iova: 0x1000 }',
        'vtd/pasid-setup, with: { device: nic, domain: a, order: barrier }',
      ),
      [
        'FILE:12:26: error: vtd/pasid-setup is of the driver of another IOMMU: this one is riscv',
        '  hint: flows of this driver begin with riscv/',
      ],
    ],
    [
      'a parameter that no version has',
      withRiscv('iova: 0x1000 } }\n  traffic', 'iova: 0x1000, version: v6 } }\n  traffic'),
      ['FILE:12:81: error: unknown value of version "v6"', '  hint: did you mean "v4"?'],
    ],
    [
      'tasks named like engines',
      withRiscv('  traffic:', '  command: { cpu: 1, steps: [{ fence: mb }] }\n  traffic:'),
      ['FILE:13:3: error: "command" is a part of the IOMMU; name it otherwise'],
    ],
    [
      'a parameter of another driver',
      withRiscv('iova: 0x1000 } }\n  traffic', 'iova: 0x1000, flush: none } }\n  traffic'),
      [
        'FILE:12:72: error: riscv/unmap has no parameter "flush"',
        '  hint: known: domain, iova, store, version, barrier, listLoad, wait, free',
      ],
    ],
    [
      'two devices with one requester ID',
      withRiscv('"00:02.0" }', '"00:02.0" }, disk: { requesterId: "00:02.0" }'),
      ['FILE:6:68: error: 00:02.0 is already the requester ID of "nic"'],
    ],
  ])('%s is told with its place', (_, text, messages) => expectMessages(text, messages));
});

describe('inline steps beside a RISC-V IOMMU with a mistake', () => {
  it.each<readonly [string, string, readonly string[]]>([
    [
      'places of VT-d',
      withSteps('{ store: { to: "nic.pasid[1].q0", value: 0 } }'),
      [
        'FILE:12:43: error: a place is device.dc.w0 to .w7, device.pc[process].w0 or .w1, device.ddt, device.pdt[process], domain.pte[iova], domain.table[iova], or a page, then .q0 to .q7',
      ],
    ],
    [
      'a page that is not there',
      withSteps('{ store: { to: "a.pte[0x2000]", value: 0 } }'),
      ['FILE:12:43: error: "a" has no page at 0x2000', '  hint: add 0x2000 to the map of "a", or map it in a flow'],
    ],
    [
      'a word of a context that is not there',
      withSteps('{ store: { to: nic.dc.w4, value: 0 } }', '{ load: { from: nic.dc.q0, as: x } }'),
      [
        'FILE:12:43: error: nic.dc has 256 bits: its doublewords are w0 to w3',
        'FILE:12:84: error: the doublewords of nic.dc are w0, w1 and so on',
      ],
    ],
    [
      'an index where there is none',
      withSteps('{ store: { to: "nic.dc[1].w0", value: 0 } }', '{ store: { to: a.pte, value: 0 } }'),
      [
        'FILE:12:43: error: there is one nic.dc: it has no index',
        'FILE:12:88: error: which pte of "a" is said in brackets, as in a.pte[0x1000]',
      ],
    ],
    [
      'a directory that is not there',
      withSteps(
        '{ store: { to: nic.ddt, value: 0 } }',
        '{ store: { to: "nic.pc[1].w0", value: 0 } }',
        '{ store: { to: "nic.pdt[1]", value: 0 } }',
      ),
      [
        'FILE:12:43: error: a directory of 1 level has device contexts only',
        '  hint: set platform.iommu.levels: 2',
        'FILE:12:81: error: "nic" has no process contexts',
        '  hint: set platform.devices.nic.processDirectory: pd8',
        'FILE:12:126: error: "nic" has no process contexts',
        '  hint: set platform.devices.nic.processDirectory: pd8',
      ],
    ],
    [
      'entries of nobody',
      withSteps('{ store: { to: nik.dc.w0, value: 0 } }', '{ store: { to: "b.pte[0x1000]", value: 0 } }'),
      [
        'FILE:12:43: error: unknown device "nik"',
        '  hint: did you mean "nic"?',
        'FILE:12:83: error: unknown domain "b"',
        '  hint: known: a',
      ],
    ],
    [
      'an IOVA within a page',
      withSteps('{ store: { to: "a.pte[0x1001]", value: 0 } }'),
      ['FILE:12:43: error: 0x1001 is not the beginning of a 4 KB page'],
    ],
    [
      'an upper half of 64 bits',
      withSteps('{ store: { to: "a.pte[0x1000].high", value: 0 } }'),
      ['FILE:12:43: error: the upper half is a place for 32 bits', '  hint: set bits: 32'],
    ],
    [
      'words of a page',
      withSteps('{ store: { to: page1.w0, value: 0 } }', '{ store: { to: nic.q0, value: 0 } }'),
      [
        'FILE:12:43: error: the doublewords of a page are q0 to q7, and "page1" is no entry',
        'FILE:12:82: error: "nic" is a device, not a page',
        '  hint: name one of its entries, as in nic.dc',
      ],
    ],
    [
      'an update of a word',
      withSteps(
        '{ begin: { entry: nic.dc.w0, targets: [not-present] } }',
        '{ begin: { entry: page1, targets: [not-present] } }',
      ),
      [
        'FILE:12:46: error: an update is of a whole entry',
        '  hint: leave out ".w0"',
        'FILE:12:103: error: an update is of an entry: of a device dc, pc, ddt or pdt, of a domain pte or table',
      ],
    ],
    [
      'targets of another kind',
      withSteps(
        '{ begin: { entry: nic.dc, targets: [table, { page: page1 }] } }',
        '{ end: { entry: "a.pte[0x1000]", target: { domain: a } } }',
      ),
      [
        'FILE:12:64: error: a dc leads to no table of its own kind',
        '  hint: table is of ddt, pdt and table entries',
        'FILE:12:71: error: a dc entry leads to no page of memory',
        'FILE:12:134: error: a pte entry leads to no domain',
      ],
    ],
    [
      'a target that is not there',
      withSteps('{ begin: { entry: nic.dc, targets: [{ domain: b }] } }'),
      ['FILE:12:74: error: unknown domain "b"', '  hint: known: a'],
    ],
    [
      'a context that is set at once',
      withSteps('{ set: { entry: nic.dc, to: not-present } }'),
      ['FILE:12:44: error: set writes an entry of one doubleword: a pte, table, ddt or pdt'],
    ],
    [
      'a table that becomes a context',
      withSteps('{ set: { entry: "a.table[0x1000]", to: { domain: a } } }'),
      ['FILE:12:67: error: a table entry leads to no domain'],
    ],
    [
      'commands that are none',
      withSteps('{ submit: [{ iotinval: { pscid: 1 } }] }'),
      ['FILE:12:41: error: unknown key "iotinval"', '  hint: did you mean "iotinval-vma"?'],
    ],
    [
      'operands that are none',
      withSteps('{ submit: [{ iotinval-gvma: { pscid: 1 } }, { iofence: { pr: 1 } }] }'),
      [
        'FILE:12:58: error: unknown key "pscid"',
        '  hint: did you mean "gscid"?',
        'FILE:12:89: error: expected true or false, got 1',
      ],
    ],
    [
      'an NL that the IOMMU lacks',
      withSteps('{ submit: [{ iotinval-vma: { address: 0x1000, nonLeaf: true } }] }'),
      ['FILE:12:83: error: the IOMMU has no NL operand', '  hint: set platform.iommu.capabilities.NL: 1'],
    ],
    [
      'an address within a page',
      withSteps('{ submit: [{ iotinval-vma: { pscid: 1, address: 0x1001 } }] }'),
      ['FILE:12:76: error: 0x1001 is not the beginning of a 4 KB page'],
    ],
    [
      'a PSCID of 21 bits',
      withSteps('{ submit: [{ iotinval-vma: { pscid: 0x100000, gscid: 0x10000 } }] }'),
      [
        'FILE:12:64: error: "pscid" must be at most 1048575 (0xfffff), got 0x100000',
        'FILE:12:81: error: "gscid" must be at most 65535 (0xffff), got 0x10000',
      ],
    ],
    [
      'commands about devices that are not there',
      withSteps(
        '{ submit: [{ iodir-inval-ddt: { device: nik } }, { iodir-inval-pdt: { device: nik, pasid: 1 } }, { ats-inval: { device: nik } }] }',
      ),
      [
        'FILE:12:68: error: unknown device "nik"',
        '  hint: did you mean "nic"?',
        'FILE:12:106: error: unknown device "nik"',
        '  hint: did you mean "nic"?',
        'FILE:12:148: error: unknown device "nik"',
        '  hint: did you mean "nic"?',
      ],
    ],
    [
      'a device TLB that is not there',
      withSteps('{ submit: [{ ats-inval: { device: nic, address: 0x1001 } }] }'),
      [
        'FILE:12:62: error: "nic" has no device TLB',
        '  hint: set platform.devices.nic.ats: true',
        'FILE:12:76: error: 0x1001 is not the beginning of a 4 KB page',
      ],
    ],
    [
      'a raw command of another size',
      withSteps('{ submit: [{ raw: [1, 2, 3, 4] }] }'),
      ['FILE:12:46: error: "raw" must have at most 2 items, got 4'],
    ],
    [
      'the queue of an IOMMU that is not there',
      withSteps('{ submit: [{ iofence: {} }], iommu: 1 }', '{ passed: 1 }'),
      ['FILE:12:64: error: no device is behind an IOMMU 1', 'FILE:12:79: error: no device is behind an IOMMU 1'],
    ],
    [
      'what cannot be freed',
      withSteps('{ free: nic }', '{ free: nic.dc }', '{ free: page1.q0 }'),
      [
        'FILE:12:36: error: "nic" is a device, not a page',
        '  hint: name one of its entries, as in nic.dc',
        'FILE:12:51: error: what is freed is a page of memory, or the table that domain.table[iova] leads to',
        'FILE:12:69: error: what is freed is a page of memory, or the table that domain.table[iova] leads to',
      ],
    ],
    [
      'invalidations of VT-d',
      withSteps('{ submit: [{ iotlb: { did: 5 } }] }'),
      [
        'FILE:12:41: error: unknown key "iotlb"',
        '  hint: known keys: iotinval-vma, iotinval-gvma, iofence, iodir-inval-ddt, iodir-inval-pdt, ats-inval, raw',
      ],
    ],
    [
      'a queue of a function that has no depth, or more than there are ITags',
      withRiscv(
        '"00:02.0" }',
        '"00:02.0", ats: { queueDepth: 0 } }, disk: { requesterId: "00:03.0", ats: { queueDepth: 33 } }',
      ),
      [
        'FILE:6:64: error: "queueDepth" must be at least 1, got 0',
        'FILE:6:122: error: "queueDepth" must be at most 32, got 33',
      ],
    ],
    [
      'writes to devices that are not there, or take none',
      withSteps('{ mmio: nik }', '{ if: { value: x, equals: 1 }, do: [{ mmio: nic }] }'),
      [
        'FILE:12:36: error: unknown device "nik"',
        '  hint: did you mean "nic"?',
        'FILE:12:58: error: no load here gives "x"',
        '  hint: add "load: { from: ..., as: x }"',
        'FILE:12:87: error: "nic" has no ATS: nothing here depends on a write to it',
        '  hint: set platform.devices.nic.ats: true',
      ],
    ],
    [
      'a function that waits for a write that nobody makes',
      withRiscv('"00:02.0" }', '"00:02.0", ats: { answersAfterDoorbell: true } }'),
      [
        'FILE:6:74: error: no task is sure to write to "nic" without waiting for anything before',
        '  hint: let a task begin with "mmio: nic", or set answers: never',
      ],
    ],
    [
      'a function that waits for a write that itself may wait for it',
      withSteps(
        '{ submit: [{ ats-inval: { device: nic } }, { iofence: {} }] }',
        '{ passed: 0 }',
        '{ mmio: nic }',
      ).replace('"00:02.0" }', '"00:02.0", ats: { answersAfterDoorbell: true } }'),
      [
        'FILE:6:74: error: no task is sure to write to "nic" without waiting for anything before',
        '  hint: let a task begin with "mmio: nic", or set answers: never',
      ],
    ],
    [
      'a flush',
      withSteps('{ flush: nic.dc }'),
      [
        'FILE:12:30: error: unknown key "flush"',
        expect.stringMatching(/^ {2}hint: known keys: store, load, fence, submit, /),
      ],
    ],
  ])('%s is told with its place', (_, text, messages) => expectMessages(text, messages));
});
