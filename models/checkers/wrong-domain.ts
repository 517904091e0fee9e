import { Table } from '../../sim/containers.ts';
import { provenanceEntry, provenanceVersion } from '../trace-events.ts';
import type { Checker, CheckerFacts, DomainFacts } from './checker.ts';
import { everything, leadsToDomains, whereTo } from './leads-to.ts';

/** Declared configurations of one entry, from 1 on. */
const versionCount = 16;

/**
 * A device is attached to one domain and its DMA lands in the memory of another. To which domains it is attached is
 * what the legal configurations of its entry say; whose a page is, say the tables that map it. A page that no domain
 * maps, and a translation from a configuration of the device's own entry that is legal no more, are matters of other
 * rules.
 */
export const wrongDomain: Checker = {
  rule: 'wrong-domain',
  brokenWhen: 'translated by its entry as it is, DMA lands in memory of a domain that the entry does not lead to',
  stopsRun: true,
  attach({ arena, trace, facts, report }) {
    // Of an entry that leads to domains a bit for each, of a leaf paging entry the number of its page; 0: nowhere.
    const leadsTo = new Table(arena, 'checker.wrong-domain.leads-to', facts.entryCount, versionCount);
    const legal = new Table(arena, 'checker.wrong-domain.legal', facts.entryCount, 1);
    const fixedOwners = ownersOfPages(facts.domains);
    const entries = entriesOfRequests(facts);
    trace.observe('update-begin', (event) => legal.set(event.entry, 0, event.legal));
    trace.observe('update-end', (event) => legal.set(event.entry, 0, event.legal));
    trace.observe('entry-declared', ({ entry, version, words }) => {
      leadsTo.set(entry, version, whereTo(facts, entry, words));
    });
    const someLegal = (entry: number, isMeant: (whereTo: number) => boolean): boolean => {
      for (let rest = legal.get(entry, 0); rest !== 0; rest &= rest - 1) {
        if (isMeant(leadsTo.get(entry, 31 - Math.clz32(rest & -rest)))) {
          return true;
        }
      }
      return false;
    };
    /** A bit for each domain that a legal version of the entry leads to. */
    const attachedTo = (entry: number): number => {
      let all = 0;
      someLegal(entry, (domains) => {
        all |= domains;
        return false;
      });
      return all;
    };
    const ownersOf = (frame: number): number =>
      facts.domains.reduce(
        (owners, { leaves }, i) =>
          leaves.some((leaf) => someLegal(leaf, (page) => page === frame)) ? owners | (1 << i) : owners,
        fixedOwners.get(frame) ?? 0,
      );
    // The first mention is what the translation was built from; what let it pass, and what caches brought in, follow.
    const usesLegal = (entry: number, provenance: readonly number[]): boolean => {
      const own = provenance.find((each) => provenanceEntry(each) === entry);
      return own !== undefined && (legal.get(entry, 0) & (1 << provenanceVersion(own))) !== 0;
    };
    trace.observe('dma', ({ sid, pasid, address, provenance }) => {
      const entry = entries.get(requestKey(sid, facts.hasProcessContexts(sid) ? Math.max(pasid, 0) : 0));
      if (entry === undefined || !usesLegal(entry, provenance)) {
        return;
      }
      const frame = Math.floor(address / 4096);
      const attached = attachedTo(entry);
      const owners = attached === 0 ? 0 : ownersOf(frame);
      if (owners !== 0 && (attached & (owners | everything)) === 0) {
        const device = facts.nameOfDevice(sid);
        report(
          `${device} reached 0x${address.toString(16)}, memory of ${names(facts, owners)}, while attached to ` +
            names(facts, attached),
          facts.words.sections['wrong-domain'],
          `${device} in ${names(facts, owners)}`,
        );
      }
    });
  },
};

/** Domains that map a page through entries that nobody changes, by page number. */
function ownersOfPages(domains: readonly DomainFacts[]): ReadonlyMap<number, number> {
  const owners = new Map<number, number>();
  for (const [i, { pages }] of domains.entries()) {
    for (const page of pages) {
      owners.set(page / 4096, (owners.get(page / 4096) ?? 0) | (1 << i));
    }
  }
  return owners;
}

/** Ids of the entries that say which domain a request goes to. */
function entriesOfRequests(facts: CheckerFacts): ReadonlyMap<number, number> {
  const entries = new Map<number, number>();
  for (let entry = 0; entry < facts.entryCount; entry += 1) {
    if (leadsToDomains(facts, entry)) {
      entries.set(requestKey(facts.sidOfEntry(entry), Math.max(facts.pasidOfEntry(entry), 0)), entry);
    }
  }
  return entries;
}

function requestKey(sid: number, pasid: number): number {
  return sid * 2 ** 20 + pasid;
}

function names({ domains }: CheckerFacts, mask: number): string {
  return domains.flatMap(({ name }, i) => ((mask & (1 << i)) === 0 ? [] : [name])).join(' and ');
}
