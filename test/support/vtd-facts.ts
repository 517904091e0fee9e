import type { CheckerFacts } from '../../models/checkers/checker.ts';
import { vtdWords } from '../../models/checkers/spec-words.ts';
import { pageOfLeaf } from '../../models/linux/page-table-builder.ts';
import type { Domain } from '../../models/linux/vtd/vtd-driver.ts';
import { valueOfWords } from '../../models/qword.ts';
import { faultReasons } from '../../models/vtd/fault-reasons.ts';
import type { VtdSystem } from '../../models/vtd-system.ts';
import { domainFacts } from '../../scenarios/domain-facts.ts';

/** Who a tracked entry is for. */
export interface Owner {
  readonly sid: number;
  readonly pasid: number;
  /** Of a leaf paging entry: whose it is. */
  readonly domain?: Domain;
}

/** What checkers may know of a small machine; `domains` are all of it by name. */
export function factsOf(
  { registry, driver, config }: VtdSystem,
  owners: readonly Owner[],
  domains: readonly string[],
): CheckerFacts {
  return {
    forbidden: [],
    entryCount: registry.list().length,
    pageCount: config.memoryPages,
    domains: domains.map((name) => domainFacts(driver.domain(name), registry)),
    pageOfLeaf: (entry, words) => {
      const domain = owners[entry]?.domain;
      return domain === undefined ? undefined : pageOfLeaf(domain, valueOfWords(words));
    },
    mode: config.vtd.mode,
    words: vtdWords,
    hasProcessContexts: () => config.vtd.mode === 'scalable',
    hasDeviceTlb: (sid) => driver.deviceOf(sid)?.ats === true,
    walksSeeStores: config.coherentWalks && config.vtd.capabilities.RWBF === 0,
    cachingMode: config.vtd.capabilities.CM === 1,
    nameOfEntry: (entry) => registry.nameOf(entry),
    structureOfEntry: (entry) => registry.modelOf(entry).structure,
    nameOfDevice: (sid) => (driver.device('nic').sid === sid ? 'nic' : `requester 0x${sid.toString(16)}`),
    pasidOfEntry: (entry) => owners[entry]?.pasid ?? -1,
    sidOfEntry: (entry) => owners[entry]?.sid ?? -1,
    faultReason: (code) => {
      const reason = faultReasons.get(code);
      return { text: reason?.text ?? 'unknown reason', onlyTornEntryGives: reason?.onlyTornEntryGives === true };
    },
  };
}
