import { describe, expect, it } from 'vitest';
import { type InvalidatedRange, isInvalidated } from '../../../models/pcie/device-tlb.ts';
import { everyPage, type InvalidationDescriptor } from '../../../models/vtd/descriptors.ts';
import { ringWorld } from '../../support/vtd-queue.ts';
import { nic, seen } from '../../support/vtd-world.ts';

const everyPageOf = { firstPage: 0, pageCount: 2 ** 52 };
const plain: InvalidatedRange = { pasid: -1, global: false, ...everyPageOf };
const ofPasid: InvalidatedRange = { pasid: 3, global: false, ...everyPageOf };
const ofAll: InvalidatedRange = { pasid: 0, global: true, ...everyPageOf };
const onePage: InvalidatedRange = { pasid: 3, global: false, firstPage: 8, pageCount: 1 };
const fourPages: InvalidatedRange = { pasid: -1, global: false, firstPage: 8, pageCount: 4 };
const last = 2 ** 52 - 1;

describe('an invalidation is about', () => {
  it.each<readonly [string, InvalidatedRange, number, number, boolean]>([
    ['type 3, without PASID', plain, -1, 0, true],
    ['type 3, without PASID, last page', plain, -1, last, true],
    ['type 3, with PASID 0', plain, 0, 0, false],
    ['type 3, with PASID', plain, 3, 0, false],
    ['type 8, its PASID', ofPasid, 3, last, true],
    ['type 8, another PASID', ofPasid, 4, 0, false],
    ['type 8, without PASID', ofPasid, -1, 0, false],
    ['GI, any PASID', ofAll, 4, last, true],
    ['GI, without PASID', ofAll, -1, 0, false],
    ['one page', onePage, 3, 8, true],
    ['the page before it', onePage, 3, 7, false],
    ['the page behind it', onePage, 3, 9, false],
    ['four pages, the first', fourPages, -1, 8, true],
    ['four pages, the last', fourPages, -1, 11, true],
    ['the page behind four', fourPages, -1, 12, false],
  ])('%s: PASID %i page %i', (_, range, pasid, page, expected) => {
    expect(isInvalidated(range, typeof pasid === 'number' ? { pasid, page } : { pasid: -1, page: 0 })).toBe(expected);
  });
});

describe('a descriptor drops from a device TLB that holds PASID 1, page 0x3000', () => {
  const endpoint = { sid: nic, pfsid: nic, maxInvalidationsPending: 0 };
  const ofPasid1 = { kind: 'pasid-device-tlb', pasid: 1, globalPasid: false, ...endpoint } as const;

  function drops(descriptor: InvalidationDescriptor): number {
    const world = ringWorld(() => [descriptor], {
      ats: { entries: 2 },
      domains: { a: { stage: 'first', did: 5, map: { 12288: 'page1' } } },
      attach: [{ pasid: 1, domain: 'a' }],
      dma: { traffic: { pasid: 1, iova: 0x3000 } },
    });
    const run = world.runWith({ legs: [{ run: 'traffic', until: seen('dma') }] });
    expect(run.outcome.end).toBe('finished');
    expect(run.events('device-tlb-completion')).toMatchObject([{ sid: nic, itag: 0, result: 'done' }]);
    return run.events('cache-dropped').length;
  }

  it.each<readonly [string, number, InvalidationDescriptor]>([
    ['every page of its PASID', 1, { ...ofPasid1, address: 0, addressMask: everyPage }],
    ['every page of another PASID', 0, { ...ofPasid1, pasid: 2, address: 0, addressMask: everyPage }],
    ['every page of every PASID', 1, { ...ofPasid1, pasid: 0, globalPasid: true, address: 0, addressMask: everyPage }],
    ['every page without PASID', 0, { kind: 'device-tlb', ...endpoint, address: 0, addressMask: everyPage }],
    ['its page (S=0)', 1, { ...ofPasid1, address: 0x3000, addressMask: 0 }],
    ['the page before (S=0)', 0, { ...ofPasid1, address: 0x2000, addressMask: 0 }],
    ['8 KB at 0x2000 (S=1, bit 12 clear)', 1, { ...ofPasid1, address: 0x2000, addressMask: 1 }],
    ['8 KB at 0x4000', 0, { ...ofPasid1, address: 0x4000, addressMask: 1 }],
    ['8 KB at 0x0', 0, { ...ofPasid1, address: 0, addressMask: 1 }],
    ['16 KB at 0x0 (bits 13:12 are 01)', 1, { ...ofPasid1, address: 0, addressMask: 2 }],
    ['2 MB at 0x0', 1, { ...ofPasid1, address: 0, addressMask: 9 }],
    ['2 MB at 2 MB', 0, { ...ofPasid1, address: 0x20_0000, addressMask: 9 }],
  ])('%s: %i', (_, expected, descriptor) => {
    expect(drops(descriptor)).toBe(expected);
  });
});
