import { afterAll, describe, expect, it } from 'vitest';
import { CliWorld } from './cli-world.ts';
import { changed, messagesOf } from './messages-of.ts';

const world = new CliWorld();
afterAll(() => world.remove());

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
  ])('%s', async (_, text, messages) => {
    expect(await messagesOf(world, world.write('mistake.yaml', text))).toEqual(messages);
  });
});
