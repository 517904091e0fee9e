import { BitSet } from '../../sim/containers.ts';
import type { Checker } from './checker.ts';

const pageBytes = 4096;

/** Hardware still uses memory that software has given back: what is there now belongs to somebody else. */
export const useAfterFree: Checker = {
  rule: 'use-after-free',
  brokenWhen: 'a DMA reaches memory, or a walk reads a page-table page, that software has freed',
  stopsRun: true,
  attach({ arena, trace, facts, report }) {
    const freed = new BitSet(arena, 'checker.use-after-free', facts.pageCount);
    const isFreed = (address: number): boolean => {
      const frame = Math.floor(address / pageBytes);
      return frame < facts.pageCount && freed.has(frame);
    };
    trace.observe('page-freed', ({ address }) => freed.set(address / pageBytes, true));
    trace.observe('page-allocated', ({ address }) => freed.set(address / pageBytes, false));
    trace.observe('dma', ({ sid, address, write }) => {
      if (isFreed(address)) {
        const device = facts.nameOfDevice(sid);
        const access = write ? 'wrote to' : 'read';
        report(
          `${device} ${access} 0x${address.toString(16)}, in a page that software has freed`,
          facts.words.sections.freed,
          `DMA of ${device}`,
        );
      }
    });
    trace.observe('page-table-read', ({ stage, level, address }) => {
      if (isFreed(address)) {
        report(
          `a walk read the ${stage}-stage entry at 0x${address.toString(16)}, in a table page that software has freed`,
          facts.words.sections.freed,
          `walk of a ${stage}-stage table of level ${level}`,
        );
      }
    });
  },
};
