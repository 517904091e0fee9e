import { afterAll, describe, expect, it } from 'vitest';
import { CliWorld } from './cli-world.ts';
import { changed, messagesOf } from './messages-of.ts';

const world = new CliWorld();
afterAll(() => world.remove());

/** The race with an update of an IRTE and a source of interrupts in place of the traffic. */
const interrupting = (interrupts: string, values: string, request: string): string =>
  changed('domains:', `interrupts: ${interrupts}\ndomains:`).replace(
    / {2}traffic: .*\n/,
    () =>
      `  modify: { cpu: 1, flow: vtd/irte-modify, with: ${values.replace(' }', ', order: by-format }')} }\n` +
      `  traffic: { device: nic, interrupt: ${request} }\n`,
  );

describe('a VT-d scenario with a mistake', () => {
  it.each<readonly [string, string, readonly string[]]>([
    [
      'a flow for scalable mode without a PASID, in legacy mode',
      changed('model: vtd,', 'model: vtd, mode: legacy,')
        .replace(
          'vtd/pasid-teardown, with: { device: nic, pasid: 1, domain: a,',
          'vtd/scalable-context-clear, with: { device: nic,',
        )
        .replace('stage: first', 'stage: second')
        .replace('attach: [{ device: nic, pasid: 1, domain: a }]', 'attach: []'),
      [
        'FILE:12:29: error: vtd/scalable-context-clear is for scalable mode',
        '  hint: set platform.iommu.mode: scalable',
      ],
    ],
    [
      'RID_PASID in legacy mode',
      changed('model: vtd,', 'model: vtd, mode: legacy,')
        .replace('"00:02.0" }', '"00:02.0", ridPasid: 1 }')
        .replace('vtd/pasid-teardown, with: { device: nic, pasid: 1,', 'vtd/context-clear, with: { device: nic,')
        .replace('stage: first', 'stage: second')
        .replace('device: nic, pasid: 1, domain: a }]', 'device: nic, domain: a }]'),
      ['FILE:6:55: error: legacy mode has no RID_PASID', '  hint: set platform.iommu.mode: scalable'],
    ],
    [
      'RID_PASID of a device with ATS',
      changed('"00:02.0" }', '"00:02.0", ridPasid: 1, ats: true }'),
      ['FILE:6:55: error: a device with ats has RID_PASID 0'],
    ],
    [
      'RID_PASID beyond the directory',
      changed('"00:02.0" }', '"00:02.0", ridPasid: 8192 }'),
      ['FILE:6:55: error: "ridPasid" must be at most 8191, got 8192'],
    ],
    [
      'more fault recording registers than there can be',
      changed('fetchOrder: any', 'faultRecords: 257'),
      ['FILE:5:38: error: "faultRecords" must be at most 256, got 257'],
    ],
    [
      'interrupts: names, places and numbers',
      interrupting(
        '{ descriptors: { vm: { address: 0x1010, notify: { vector: 8, destination: 1 } } } }',
        '{ index: 3, to: cpu }',
        '{ index: 70000 }',
      ),
      [
        'FILE:7:71: error: "vector" must be at least 16, got 8',
        'FILE:15:47: error: "index" must be at most 65535, got 70000',
      ],
    ],
    [
      'interrupts: a descriptor that is not aligned, or where another one is',
      interrupting(
        '{ descriptors: { a: { address: 0x1010, notify: { vector: 99, destination: 1 } }, b: { address: 0x2000, notify: { vector: 99, destination: 1 } }, c: { address: 0x2000, notify: { vector: 99, destination: 1 } } }, targets: { cpu: { format: remapped, device: nic, vector: 65, destination: 1 } } }',
        '{ index: 3, to: cpu }',
        '{ index: 3 }',
      ),
      [
        'FILE:7:44: error: a posted-interrupt descriptor is aligned to 64 bytes',
        '  hint: the line begins at 0x1000',
        'FILE:7:172: error: the descriptor "b" is already there',
      ],
    ],
    [
      'interrupts: unknown names',
      interrupting(
        '{ targets: { cpu: { format: posted, device: nick, vector: 65, descriptor: vm } }, entries: [{ index: 3, target: cpus }] }',
        '{ index: 3, to: gpu }',
        '{ index: 3 }',
      ),
      [
        'FILE:7:57: error: unknown device "nick"',
        '  hint: did you mean "nic"?',
        'FILE:7:87: error: unknown descriptor "vm"',
        '  hint: known: none',
        'FILE:7:125: error: unknown interrupt target "cpus"',
        '  hint: did you mean "cpu"?',
        'FILE:14:66: error: unknown interrupt target "gpu"',
        '  hint: did you mean "cpu"?',
      ],
    ],
    [
      'interrupts: one entry twice, an entry beyond the table, and a flow beyond it',
      interrupting(
        '{ targets: { cpu: { format: remapped, device: nic, vector: 65, destination: 1 } }, entries: [{ index: 3, target: cpu }, { index: 3, target: cpu }] }',
        '{ index: 256, to: cpu }',
        '{ index: 3 }',
      ),
      [
        'FILE:7:142: error: the entry of interrupt 3 already says something',
        'FILE:14:59: error: an interrupt is an index of the table, 0 to 255, got 256',
      ],
    ],
    [
      'interrupts: an entry beyond the table at the start',
      interrupting(
        '{ targets: { cpu: { format: remapped, device: nic, vector: 65, destination: 1 } }, entries: [{ index: 256, target: cpu }] }',
        '{ index: 3, to: cpu }',
        '{ index: 3 }',
      ),
      ['FILE:7:115: error: "index" must be at most 255, got 256'],
    ],
    [
      'interrupts: a target of no format',
      interrupting(
        '{ targets: { cpu: { format: remaped, device: nic, vector: 65, destination: 1 } } }',
        '{ index: 3, to: cpu }',
        '{ index: 3 }',
      ),
      [
        'FILE:7:41: error: "remaped" is not a value of "format"; expected one of "remapped", "posted"',
        '  hint: did you mean "remapped"?',
      ],
    ],
  ])('%s', async (_, text, messages) => {
    expect(await messagesOf(world, world.write('mistake.yaml', text))).toEqual(messages);
  });
});
