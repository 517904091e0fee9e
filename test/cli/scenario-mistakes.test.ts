import { afterAll, describe, expect, it } from 'vitest';
import { CliWorld } from './cli-world.ts';
import { changed, messagesOf } from './messages-of.ts';

const world = new CliWorld();
afterAll(() => world.remove());

/** The race with inline steps in place of its flow. */
const steps = (...list: readonly string[]): string =>
  changed(
    'flow: vtd/pasid-teardown, with: { device: nic, pasid: 1, domain: a, order: $order }',
    `steps: [${list.join(', ')}]`,
  ).replaceAll(/order: [a-z-]+, /g, '');

describe('a scenario with a mistake', () => {
  it.each<readonly [string, string, readonly string[]]>([
    [
      'an unknown key at the top',
      changed('domains:', 'domain:'),
      [
        'FILE:7:1: error: unknown key "domain"',
        '  hint: did you mean "domains"?',
        'FILE:10:45: error: unknown domain "a"',
        '  hint: known: none',
        'FILE:12:88: error: unknown domain "a"',
        '  hint: known: none',
      ],
    ],
    [
      'an unknown key inside',
      changed('fetchOrder', 'fetchOder'),
      ['FILE:5:24: error: unknown key "fetchOder"', '  hint: did you mean "fetchOrder"?'],
    ],
    ['a wrong type', changed('did: 5', 'did: five'), ['FILE:8:27: error: expected a whole number, got "five"']],
    [
      'a number in quotes',
      changed('did: 5', 'did: "5"'),
      ['FILE:8:27: error: expected a whole number, got the text "5"', '  hint: remove the quotes'],
    ],
    [
      'a value out of range',
      changed('did: 5', 'did: 65536'),
      ['FILE:8:27: error: "did" must be at most 65535, got 65536'],
    ],
    [
      'a number above 2^53',
      changed('did: 5', 'did: 0x20000000000001'),
      ['FILE:8:27: error: expected a whole number of at most 53 bits, got 0x20000000000001'],
    ],
    [
      'a number above 2^53 as an address',
      changed('iova: 0x1000', 'iova: 0x20000000000001'),
      ['FILE:13:50: error: expected a whole number of at most 53 bits, got 0x20000000000001'],
    ],
    [
      'a value that is none of the list',
      changed('memory: sc', 'memory: arm'),
      [
        'FILE:4:11: error: "arm" is not a value of "memory"; expected one of "sc", "x86-tso", "rvwmo", "armv8", ' +
          '"portable", "non-mca"',
        '  hint: did you mean "armv8"?',
      ],
    ],
    [
      'a requester ID of another form',
      changed('"00:02.0"', '"0:2.0"'),
      ['FILE:6:34: error: a requester ID is bus:device.function, as in "00:02.0"'],
    ],
    [
      'an unknown flow',
      changed('vtd/pasid-teardown', 'vtd/pasid-tear-down'),
      ['FILE:12:29: error: unknown flow "vtd/pasid-tear-down"', '  hint: did you mean "vtd/pasid-teardown"?'],
    ],
    [
      'an unknown parameter',
      changed('order: $order }', 'ordr: $order }'),
      ['FILE:12:91: error: vtd/pasid-teardown has no parameter "ordr"', '  hint: did you mean "order"?'],
    ],
    [
      'an unknown value of a parameter',
      changed('order: clear-first', 'order: clear-last'),
      ['FILE:15:25: error: unknown value of order "clear-last"', '  hint: did you mean "clear-first"?'],
    ],
    [
      'an unknown device',
      changed('{ device: nic, dma', '{ device: nix, dma'),
      ['FILE:13:22: error: unknown device "nix"', '  hint: did you mean "nic"?'],
    ],
    [
      'an unknown domain',
      changed('domain: a }]', 'domain: b }]'),
      ['FILE:10:45: error: unknown domain "b"', '  hint: known: a'],
    ],
    [
      'an unknown rule',
      changed('expect: corrupted-entry', 'expect: corrupt-entry'),
      ['FILE:15:46: error: unknown rule "corrupt-entry"', '  hint: did you mean "corrupted-entry"?'],
    ],
    [
      'holds beside a rule',
      changed('expect: corrupted-entry', 'expect: [holds, corrupted-entry]'),
      ['FILE:15:46: error: a case holds, or it breaks rules: "holds" stands alone'],
    ],
    [
      'an unknown reach',
      changed('expect: holds', 'expect: holds, reach: [cache-hits]'),
      ['FILE:16:72: error: unknown reach "cache-hits"', '  hint: did you mean "cache-hit"?'],
    ],
    [
      'an unknown variable',
      changed('order: $order }', 'order: $ordre }'),
      [
        'FILE:12:98: error: "$ordre" has no value in the case "clear-first"',
        '  hint: did you mean "$order"?',
        'FILE:12:98: error: "$ordre" has no value in the case "clear-first-fixed"',
        '  hint: did you mean "$order"?',
        'FILE:15:18: error: unknown key or variable "order"',
        '  hint: did you mean "ordre"?',
        'FILE:16:24: error: unknown key or variable "order"',
        '  hint: did you mean "ordre"?',
      ],
    ],
    [
      'an unused variable',
      changed('expect: holds', 'expect: holds, speed: 3'),
      ['FILE:16:65: error: unknown key or variable "speed"', '  hint: no "$speed" is used in this file'],
    ],
    [
      'a variable in a variable',
      changed('order: clear-first', 'order: $order'),
      ['FILE:15:25: error: "$order" stands in the value of a variable', '  hint: write its value there'],
    ],
    ['a case without expect', changed(', expect: holds', ''), ['FILE:16:3: error: missing key "expect"']],
    [
      'no case',
      changed('cases:', 'cases: {}\nx:').replace(/x:(?:.|\n)*/, ''),
      ['FILE:14:1: error: a scenario has at least one case'],
    ],
    [
      'a matrix with an empty list',
      changed('memory: sc', 'memory: $memory').replace('cases:', 'matrix: { memory: [] }\ncases:'),
      ['FILE:14:19: error: "memory" must have at least 1 item, got 0'],
    ],
    [
      'a matrix with a value twice',
      changed('memory: sc', 'memory: $memory').replace('cases:', 'matrix: { memory: [sc, sc] }\ncases:'),
      [
        'FILE:16:3: error: the matrix makes two cases "clear-first.sc"',
        '  hint: is a value listed twice?',
        'FILE:17:3: error: the matrix makes two cases "clear-first-fixed.sc"',
        '  hint: is a value listed twice?',
      ],
    ],
    [
      'a matrix without end',
      changed('memory: sc', 'memory: [$a, $b, $c, $d, $e]').replace(
        'cases:',
        `matrix: { ${Array.from('abcde', (name) => `${name}: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]`).join(', ')} }\ncases:`,
      ),
      [
        'FILE:16:3: error: the file comes to 100000 cases here; the limit is 10000',
        'FILE:17:3: error: the file comes to 200000 cases here; the limit is 10000',
      ],
    ],
    [
      'a condition on no variable',
      changed('expect: holds', 'expect: [{ when: { oder: 1 }, is: holds }]'),
      [
        'FILE:16:50: error: nothing is expected of "clear-first-fixed"',
        '  hint: add a last entry without "when"',
        'FILE:16:69: error: unknown variable "oder"',
        '  hint: did you mean "order"?',
      ],
    ],
    [
      'conditions that leave a case out',
      changed('expect: holds', 'expect: [{ when: { order: clear-first }, is: holds }]'),
      ['FILE:16:50: error: nothing is expected of "clear-first-fixed"', '  hint: add a last entry without "when"'],
    ],
    [
      'a PASID beyond the directory',
      changed('attach: [{ device: nic, pasid: 1', 'attach: [{ device: nic, pasid: 8192'),
      ['FILE:10:34: error: PASID 8192 has no place in the tables: the directory has room for 0 to 8191'],
    ],
    [
      'a PASID attached twice',
      changed('domain: a }]', 'domain: a }, { device: nic, pasid: 1, domain: a }]'),
      ['FILE:10:50: error: PASID 1 of "nic" already has contents, by start.attach'],
    ],
    [
      'left-over contents that nobody sees',
      changed('domain: a }]', 'domain: a }]\n  leftover: [{ device: nic, pasid: 2, domain: a }]'),
      [
        'FILE:11:3: error: left-over contents matter only in scalable mode, where walks are not coherent',
        '  hint: set platform.iommu.coherentWalks: false',
      ],
    ],
    [
      'PASIDs in legacy mode',
      changed('model: vtd,', 'model: vtd, mode: legacy,'),
      [
        'FILE:10:34: error: legacy mode has no PASIDs',
        '  hint: set platform.iommu.mode: scalable',
        'FILE:10:45: error: the stage of "a" is first, and a legacy context entry takes second or pass-through',
        'FILE:12:29: error: vtd/pasid-teardown is for scalable mode',
        '  hint: set platform.iommu.mode: scalable',
        'FILE:12:77: error: legacy mode has no PASIDs',
        '  hint: set platform.iommu.mode: scalable',
        'FILE:12:88: error: the stage of "a" is first, and a legacy context entry takes second or pass-through',
      ],
    ],
    [
      'a legacy flow in scalable mode',
      changed(
        'flow: vtd/pasid-teardown, with: { device: nic, pasid: 1, domain',
        'flow: vtd/context-clear, with: { device: nic, domain',
      ).replaceAll('stage: first', 'stage: second'),
      ['FILE:12:29: error: vtd/context-clear is for legacy mode', '  hint: set platform.iommu.mode: legacy'],
    ],
    [
      'devices with one requester ID',
      changed('nic: { requesterId: "00:02.0" }', 'nic: { requesterId: "00:02.0" }, gpu: { requesterId: "00:02.0" }'),
      ['FILE:6:67: error: 00:02.0 is already the requester ID of "nic"'],
    ],
    [
      'an IOVA inside a page',
      changed('0x1000: page1', '0x1008: page1'),
      ['FILE:8:37: error: the IOVA 0x1008 is not the beginning of a 4 KB page', '  hint: the page begins at 0x1000'],
    ],
    [
      'an IOVA above the tables',
      changed('0x1000: page1', '0x800000000000: page1'),
      ['FILE:8:37: error: the IOVA 0x800000000000 is too great: tables of stage first map 47 bits'],
    ],
    [
      'an IOVA twice',
      changed('0x1000: page1', '0x1000: page1, 4096: page2'),
      ['FILE:8:52: error: duplicate key "4096"; first defined at line 8'],
    ],
    [
      'more pages than memory',
      changed('0x1000: page1', Array.from({ length: 80 }, (_, i) => `${4096 * i}: p${i}`).join(', ')),
      [
        'FILE:3:1: error: the scenario needs 91 pages of memory, and memoryPages is 64',
        '  hint: set platform.memoryPages: 91',
      ],
    ],
    [
      'a step that ends before it begins',
      changed('memory: sc', 'memory: sc\n  cpuStepNs: 10\n  preemptMaxNs: 5'),
      [
        'FILE:5:3: error: a CPU step takes at least cpuStepNs, 10, but at most preemptMaxNs, 5',
        '  hint: make preemptMaxNs greater',
      ],
    ],
    [
      'a task with the name of an engine',
      changed('traffic:', 'invalidation:'),
      ['FILE:13:3: error: "invalidation" is a part of the IOMMU; name it otherwise'],
    ],
    [
      'DID 0 with caching mode',
      changed('did: 5', 'did: 0').replace('model: vtd,', 'model: vtd, capabilities: { CM: 1 },'),
      ['FILE:8:27: error: with CM: 1 the DID 0 is reserved', '  hint: give the domain another one'],
    ],
    [
      'a write buffer behind caches that are not coherent',
      changed('model: vtd,', 'model: vtd, coherentWalks: false, capabilities: { RWBF: 1 },'),
      [
        'FILE:5:62: error: stores stay in a write buffer or in CPU caches, not in both: there is one view of memory behind the CPUs',
        '  hint: set platform.iommu.coherentWalks: true',
      ],
    ],
    [
      'steps: a page range that is none',
      steps(
        '{ submit: [{ piotlb: { did: 5, pasid: 1, address: 0x3000, addressMask: 1 } }] }',
        '{ submit: [{ iotlb: { did: 5, hint: true } }, { iotlb: { did: 5, addressMask: 2 } }] }',
      ),
      [
        'FILE:12:81: error: a range of 2 pages is aligned to its size',
        '  hint: the range begins at 0x2000',
        'FILE:12:142: error: hint is of a page-selective invalidation',
        '  hint: give the address of the range too',
        'FILE:12:177: error: addressMask is of a page-selective invalidation',
        '  hint: give the address of the range too',
      ],
    ],
    [
      'ATS that a device does not have',
      changed('dma: { pasid: 1,', 'dma: { ats: true, pasid: 1,'),
      ['FILE:13:39: error: "nic" has no ATS', '  hint: set platform.devices.nic.ats: true'],
    ],
    [
      'requests of a device that is gone',
      changed('requesterId: "00:02.0"', 'requesterId: "00:02.0", ats: { present: false }'),
      ['FILE:13:27: error: "nic" is gone from the bus: it has no requests'],
    ],
    [
      'a translation request with PASID in legacy mode',
      changed('model: vtd', 'model: vtd, mode: legacy')
        .replace('requesterId: "00:02.0"', 'requesterId: "00:02.0", ats: true')
        .replace('stage: first', 'stage: second')
        .replace('device: nic, pasid: 1, domain', 'device: nic, domain')
        .replace(
          / teardown: .*/,
          ' teardown: { cpu: 0, flow: vtd/context-clear, with: { device: nic, domain: a, order: $order } }',
        ),
      ['FILE:13:41: error: legacy mode has no translation requests with PASID', '  hint: leave the PASID out'],
    ],
    [
      'a device that answers nothing anybody could mean',
      changed('requesterId: "00:02.0"', 'requesterId: "00:02.0", ats: { answers: 0, entrys: 1 }'),
      [
        'FILE:6:61: error: "answers" must be at least 1, got 0',
        'FILE:6:64: error: unknown key "entrys"',
        '  hint: did you mean "entries"?',
      ],
    ],
    [
      'steps: device TLBs that are not there, and a range that is none',
      steps(
        '{ submit: [{ device-tlb: { device: nic } }, { pasid-device-tlb: { device: nix, pasid: 1 } }] }',
        '{ submit: [{ device-tlb: { device: nic, address: 0x3000, addressMask: 1 } }] }',
      ),
      [
        'FILE:12:66: error: "nic" has no device TLB',
        '  hint: set platform.devices.nic.ats: true',
        'FILE:12:105: error: unknown device "nix"',
        '  hint: did you mean "nic"?',
        'FILE:12:162: error: "nic" has no device TLB',
        '  hint: set platform.devices.nic.ats: true',
        'FILE:12:176: error: a range of 2 pages is aligned to its size',
        '  hint: the range begins at 0x2000',
      ],
    ],
    [
      'steps: a place that is not there',
      steps(
        'flush: "nic.root.q5"',
        'flush: nix.context',
        'lock: "nic.context[1]"',
        'load: { from: "nic.pasid[1048575].q7", as: x }',
      )
        .replaceAll(/flush: ("?[a-z.0-9]+"?)/g, '{ flush: $1 }')
        .replace('lock: "nic.context[1]"', '{ lock: "nic.context[1]" }')
        .replace(
          'load: { from: "nic.pasid[1048575].q7", as: x }',
          '{ load: { from: "nic.pasid[1048575].q7", as: x } }',
        ),
      [
        'FILE:12:40: error: nic.root has 64 bits: its only quadword is q0',
        'FILE:12:66: error: unknown device "nix"',
        '  hint: did you mean "nic"?',
        'FILE:12:89: error: there is one nic.context; only a directory and a pasid have an index',
        'FILE:12:125: error: PASID 1048575 has no place in the tables: the directory has room for 0 to 8191',
      ],
    ],
    [
      'steps: stores that do not fit',
      steps(
        '{ store: { to: page1.q7, value: 0, bits: 128 } }',
        '{ store: { to: page1, value: 0x100000000, bits: 32 } }',
        '{ store: { to: page1, value: 0x10000000000000000 } }',
        '{ store: { to: nic.root, value: 0, bits: 128 } }',
        '{ store: { to: nic.q0, value: 0 } }',
      ),
      [
        'FILE:12:46: error: a 16-byte store is aligned: to an even quadword, not to q7',
        'FILE:12:110: error: the value needs more than 32 bits',
        '  hint: set bits: 64, or store it in parts',
        'FILE:12:166: error: the value needs more than 64 bits',
        '  hint: set bits: 128, or store it in parts',
        'FILE:12:206: error: nic.root has 64 bits: its only quadword is q0, and this store takes two',
        'FILE:12:256: error: "nic" is a device, not a page',
        '  hint: name one of its entries, as in nic.pasid[1]',
      ],
    ],
    [
      'steps: updates that lead nowhere',
      steps(
        '{ begin: { entry: page1, targets: [not-present] } }',
        '{ begin: { entry: nic.context, targets: [{ domain: a }] } }',
        '{ end: { entry: "nic.pasid[1].q0", target: not-present } }',
        '{ end: { entry: "nic.pasid[1]", target: { domain: z } } }',
      ),
      [
        'FILE:12:49: error: an update is of an entry: device.root, device.context, device.directory or device.pasid',
        'FILE:12:125: error: a context entry leads to no domain',
        '  hint: the target of such an entry is not-present',
        'FILE:12:161: error: an update is of a whole entry',
        '  hint: leave out ".q0"',
        'FILE:12:255: error: unknown domain "z"',
        '  hint: known: a',
      ],
    ],
    [
      'steps: values that nobody loads',
      steps(
        '{ load: { from: page1, as: old } }',
        '{ if: { value: odl, equals: 1 }, do: [] }',
        '{ repeat: { until: { value: old, equals: 1 } }, steps: [{ fence: mb }] }',
      ),
      [
        'FILE:12:82: error: no load here gives "odl"',
        '  hint: did you mean "old"?',
        'FILE:12:138: error: no load here gives "old"',
        '  hint: add "load: { from: ..., as: old }"',
      ],
    ],
    [
      'steps: a batch that the ring never has room for',
      steps('{ submit: [{ iotlb: { did: 5 } }, { iotlb: { did: 6 } }, { iotlb: { did: 7 } }] }').replace(
        'fetchOrder: any',
        'fetchOrder: any, queueSlots: 4',
      ),
      [
        'FILE:12:33: error: 3 descriptors and a wait never have room in a ring of 4 slots, one of which stays free',
        '  hint: submit fewer at once, or set platform.iommu.queueSlots',
      ],
    ],
    [
      'steps: a result that nobody gives',
      steps('{ submit: [{ iotlb: { did: 5 } }], as: result }', '{ if: { value: resutl, equals: 0 }, do: [] }'),
      ['FILE:12:95: error: no load here gives "resutl"', '  hint: did you mean "result"?'],
    ],
    [
      'a ring that is not a power of two, and a kernel that nobody has',
      changed('fetchOrder: any', 'fetchOrder: any, queueSlots: 6').replace(
        'memory: sc',
        'memory: sc\n  linux: { queuedInvalidation: odd-slot }',
      ),
      [
        'FILE:5:32: error: "odd-slot" is not a value of "queuedInvalidation"; expected one of "good-path", "odd-slots", "retry-for-ever", "presence-check", "whole-batch", "own-functions"',
        '  hint: did you mean "odd-slots"?',
        'FILE:6:53: error: 6 is not a value of "queueSlots"; expected one of 4, 8, 16, 32, 64, 128',
      ],
    ],
    [
      'more sources of requests than invalidations can tell apart',
      changed(
        '  traffic: {',
        `${Array.from({ length: 31 }, (_, i) => `  source-${i}: { device: nic, dma: { iova: 0x1000 } }`).join('\n')}\n  traffic: {`,
      ),
      [
        'FILE:44:3: error: the scenario has 32 tasks with dma or interrupts; the limit is 31',
        '  hint: let one task repeat its requests',
      ],
    ],
    [
      'pages: an IOVA that is no page, one that is not mapped, one that is mapped already, and a device for a page',
      steps(
        '{ flow: vtd/unmap, with: { domain: a, iova: 0x1004 } }',
        '{ flow: vtd/unmap, with: { domain: a, iova: 0x5000 } }',
        '{ flow: vtd/map, with: { domain: a, iova: 0x1000, page: nic } }',
      ),
      [
        'FILE:12:75: error: an IOVA is the beginning of a 4 KB page, got 4100',
        'FILE:12:131: error: "a" has no page at 0x5000',
        '  hint: add 0x5000 to the map of "a", or map it in a flow',
        'FILE:12:185: error: "a" has a page at 0x1000 already, and no flow unmaps it',
        'FILE:12:199: error: "nic" is a device, not a page',
      ],
    ],
    [
      'pages: a domain that is not known, and a flow without its parameters',
      steps('{ flow: vtd/unmap, with: { domain: b, iova: 0x1000 } }', '{ flow: vtd/detach, with: { device: nic } }'),
      [
        'FILE:12:66: error: unknown domain "b"',
        '  hint: known: a',
        'FILE:12:87: error: vtd/detach needs the parameter "domain"',
        '  hint: domain: The domain it is attached to.',
        'FILE:12:87: error: vtd/detach needs the parameter "order"',
        '  hint: order: tags-first: the tags go, then the entry (RID, v7.0); entry-first: the other way round (PASIDs).',
      ],
    ],
    [
      'a domain without an ID where one is needed',
      changed('did: 5, ', ''),
      ['FILE:12:88: error: "a" has no did, and its domain ID is needed here', '  hint: give the domain a did'],
    ],
    [
      'steps: loops without end',
      steps('{ repeat: 1000, steps: [{ repeat: 1000, steps: [{ fence: smp_wmb }] }] }'),
      ['FILE:12:23: error: loops make 2001000 steps; the limit is 100000'],
    ],
  ])('%s is told with its place', async (name, yaml, messages) => {
    expect(await messagesOf(world, world.write(`mistakes/${name.replaceAll(/\W+/g, '-')}.yaml`, yaml))).toEqual(
      messages,
    );
  });
});

describe('numbers of 64 bits', () => {
  it('are kept to the bit where they can stand', async () => {
    const yaml = steps('{ store: { to: page1, value: 0xfedcba9876543211 } }');
    const file = world.write('bits.yaml', yaml);
    const argv = ['replay', file, '--case', 'clear-first', '--seed', '1', '--full'];
    expect((await world.run(argv)).stdout).toContain('0xfedcba9876543211');
  });
});
