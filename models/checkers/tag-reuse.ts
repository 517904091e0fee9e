import { Table } from '../../sim/containers.ts';
import type { CacheName } from '../trace-events.ts';
import type { Checker } from './checker.ts';

/** Caches whose rows are invalidated by domain ID. */
const taggedCaches: readonly CacheName[] = [
  'context-cache',
  'pasid-cache',
  'iotlb',
  'first-stage-paging',
  'second-stage-paging',
  'ioatc',
];
/** IDs that software can hand out. */
const didCount = 64;

/** A domain ID that is not clean: what caches still hold under it will pass for the new domain's. */
export const tagReuse: Checker = {
  rule: 'tag-reuse',
  brokenWhen: 'software begins to use a domain ID while a cache still holds an entry with it',
  stopsRun: false,
  attach({ arena, trace, facts, report }) {
    const rows = new Table(arena, 'checker.tag-reuse', didCount, taggedCaches.length);
    const count = (cache: CacheName, did: number, by: number): void => {
      const column = taggedCaches.indexOf(cache);
      if (column !== -1 && did >= 0 && did < didCount) {
        rows.set(did, column, rows.get(did, column) + by);
      }
    };
    trace.observe('cache-filled', ({ cache, did }) => count(cache, did, 1));
    trace.observe('cache-dropped', ({ cache, did }) => count(cache, did, -1));
    trace.observe('tag-allocated', ({ did }) => {
      const column = taggedCaches.findIndex((_, i) => rows.get(did, i) > 0);
      if (column !== -1) {
        report(
          `${facts.words.tag} ${did} is used for a domain while the ${taggedCaches[column]} still holds what another domain has left under it`,
          facts.words.sections['tag-reuse'],
          `domain ID in the ${taggedCaches[column]}`,
        );
      }
    });
  },
};
