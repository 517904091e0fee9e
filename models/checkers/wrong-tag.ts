import { Cell, Table } from '../../sim/containers.ts';
import { getField } from '../entry-layout.ts';
import { noPointer } from '../trace-events.ts';
import { contextEntry } from '../vtd/entries/context-entry.ts';
import { pasidEntry } from '../vtd/entries/pasid-entry.ts';
import { taggedContextPointer, taggedPointer } from '../vtd/entries/tagged-pointer.ts';
import type { Checker } from './checker.ts';

/** More than the entry registry has configurations for the structures that carry a tag. */
const maxPairs = 256;
const column = { did: 0, pointer: 1 } as const;

/**
 * A cache keeps tables under a DID they were never programmed with: an invalidation by the right DID will miss them. A
 * pointer that software never programmed at all is a matter of `corrupted-entry` alone.
 */
export const wrongTag: Checker = {
  rule: 'wrong-tag',
  brokenWhen: 'a cache entry carries a tag (DID) that was never programmed together with its pointer',
  stopsRun: true,
  attach({ arena, trace, facts, report }) {
    const pairs = new Table(arena, 'checker.wrong-tag.pairs', maxPairs, 2);
    const count = new Cell(arena, 'checker.wrong-tag.count');
    const some = (matches: (row: number) => boolean): boolean => {
      for (let row = 0; row < count.get(); row += 1) {
        if (matches(row)) {
          return true;
        }
      }
      return false;
    };
    // Tables are page aligned, so the page number fits a word whatever the width of the address.
    const frameOf = (pointer: number): number => Math.floor(pointer / 4096) | 0;
    const remember = (did: number, pointer: number): void => {
      const frame = frameOf(pointer);
      const known = some((row) => pairs.get(row, column.did) === did && pairs.get(row, column.pointer) === frame);
      if (!known && pointer !== noPointer && count.get() < maxPairs) {
        pairs.set(count.get(), column.did, did);
        pairs.set(count.get(), column.pointer, frame);
        count.set(count.get() + 1);
      }
    };
    trace.observe('entry-declared', ({ structure, words }) => {
      if (structure === 'pasid-entry' && getField(pasidEntry.fields.present, words, 0) === 1) {
        remember(getField(pasidEntry.fields.domainId, words, 0), taggedPointer(words, 0));
      } else if (structure === 'context-entry' && getField(contextEntry.fields.present, words, 0) === 1) {
        remember(getField(contextEntry.fields.domainId, words, 0), taggedContextPointer(words, 0));
      }
    });
    trace.observe('cache-filled', ({ cache, sid, did, pointer }) => {
      if (pointer === noPointer || (cache === 'context-cache' && facts.mode === 'scalable')) {
        return;
      }
      const frame = frameOf(pointer);
      const known = some((row) => pairs.get(row, column.pointer) === frame);
      if (known && !some((row) => pairs.get(row, column.did) === did && pairs.get(row, column.pointer) === frame)) {
        report(
          `${cache} of ${facts.nameOfDevice(sid)} keeps the table at 0x${pointer.toString(16)} under DID ${did}, with ` +
            'which it was never programmed',
          'VT-d 6.2.3.1, 6.2.1 Table 17',
          `${cache} of ${facts.nameOfDevice(sid)}`,
        );
      }
    });
  },
};
