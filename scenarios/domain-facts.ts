import type { DomainFacts } from '../models/checkers/checker.ts';
import type { EntryRegistry } from '../models/entry-registry.ts';
import type { Domain } from '../models/linux/vtd/vtd-driver.ts';

/** What checkers may know of a domain; call when its leaf entries that software changes are tracked. */
export function domainFacts(domain: Domain, registry: EntryRegistry): DomainFacts {
  const { name, stage, firstStageTable, secondStageTable } = domain;
  const leaves = [...domain.leaves.values()].map(({ address, page }) => ({ entry: registry.entryAt(address), page }));
  return {
    name,
    stage,
    firstStageTable,
    secondStageTable,
    pages: leaves.flatMap(({ entry, page }) => (entry === -1 && page !== undefined ? [page] : [])),
    leaves: leaves.flatMap(({ entry }) => (entry === -1 ? [] : [entry])),
  };
}
