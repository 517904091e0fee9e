/** Causes of faults (RISC-V IOMMU, Fault-queue record, CAUSE). */
export const cause = {
  readAccess: 5,
  writeAccess: 7,
  readPage: 13,
  writePage: 15,
  readGuestPage: 21,
  writeGuestPage: 23,
  /** ddtp is Off. */
  allDisallowed: 256,
  ddtLoad: 257,
  ddtNotValid: 258,
  ddtMisconfigured: 259,
  typeDisallowed: 260,
  pdtLoad: 265,
  pdtNotValid: 266,
  pdtMisconfigured: 267,
} as const;

export interface FaultCause {
  readonly text: string;
  /** Answer to a translation request that ends so; `no-access`: success without permission, and no report. */
  readonly translationAnswer: 'UR' | 'CA' | 'no-access';
  /** Reported even with DTF = 1 in the device context. */
  readonly reportedWithDtf: boolean;
  /** No entry that software means gives it. */
  readonly onlyTornEntryGives: boolean;
}

function row(text: string, translationAnswer: FaultCause['translationAnswer'], more: Partial<FaultCause> = {}) {
  return { text, translationAnswer, reportedWithDtf: false, onlyTornEntryGives: false, ...more };
}

const always = { reportedWithDtf: true };

/** By cause. */
export const faultCauses: ReadonlyMap<number, FaultCause> = new Map([
  [cause.readAccess, row('read access fault', 'CA')],
  [cause.writeAccess, row('write access fault', 'CA')],
  [cause.readPage, row('read page fault', 'no-access')],
  [cause.writePage, row('write page fault', 'no-access')],
  [cause.readGuestPage, row('read guest-page fault', 'no-access')],
  [cause.writeGuestPage, row('write guest-page fault', 'no-access')],
  [cause.allDisallowed, row('all inbound transactions disallowed', 'UR', always)],
  [cause.ddtLoad, row('DDT entry load access fault', 'UR', always)],
  [cause.ddtNotValid, row('DDT entry not valid', 'UR', always)],
  [cause.ddtMisconfigured, row('DDT entry misconfigured', 'UR', { ...always, onlyTornEntryGives: true })],
  [cause.typeDisallowed, row('transaction type disallowed', 'UR')],
  [cause.pdtLoad, row('PDT entry load access fault', 'CA')],
  [cause.pdtNotValid, row('PDT entry not valid', 'no-access')],
  [cause.pdtMisconfigured, row('PDT entry misconfigured', 'CA', { onlyTornEntryGives: true })],
]);
