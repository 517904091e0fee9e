import { encodePasidEntry, type PasidEntryValues, pasidTableType } from '../../vtd/entries/pasid-entry.ts';
import type { Domain } from './vtd-driver.ts';

/** PASID entry words as the setup functions of drivers/iommu/intel/pasid.c leave them, and what the domain has besides. */
export function pasidEntryFor(domain: Domain): Uint32Array {
  return encodePasidEntry({ ...driverValues(domain), ...domain.entry });
}

function driverValues(domain: Domain): PasidEntryValues {
  const common = { present: 1, domainId: domain.did, pageWalkSnoop: 1 };
  switch (domain.stage) {
    case 'first':
      return {
        ...common,
        pgtt: pasidTableType.first,
        firstStagePointer: domain.firstStageTable,
        addressWidth: 2,
      };
    case 'second':
      return {
        ...common,
        pgtt: pasidTableType.second,
        secondStagePointer: domain.secondStageTable,
        addressWidth: 2,
      };
    case 'nested':
      return {
        ...common,
        pgtt: pasidTableType.nested,
        firstStagePointer: domain.firstStageTable,
        secondStagePointer: domain.secondStageTable,
        addressWidth: 2,
      };
    case 'pass-through':
      return { ...common, pgtt: pasidTableType.passThrough, addressWidth: 2 };
  }
}
