/** What a translation request (ATS) is answered with when its walk ends in the fault (VT-d 7.1.3). */
type TranslationAnswer =
  | 'UR'
  | 'CA'
  /** Success with R=W=0 (and U=S=0): the device may ask for the page. */
  | 'no-access'
  /** Success with the permissions there are. */
  | 'effective'
  /** No such request can meet it. */
  | 'none'
  /** The sources read here do not say which. */
  | 'unstated';

export interface FaultReasonInfo {
  /** FRCD.FR. */
  readonly code: number;
  /** As a kernel developer would read it in the log. */
  readonly text: string;
  /** Condition id of the specification, where it is known. */
  readonly condition?: string;
  /** Whether FPD = 1 in a structure seen on the way keeps the fault from being reported (VT-d 7.1.1). */
  readonly qualified: boolean;
  readonly translationAnswer: TranslationAnswer;
  /** No entry software programmed correctly gives it: reserved bits and invalid programming. */
  readonly onlyTornEntryGives?: true;
  readonly section: string;
}

type Row = readonly [code: number, text: string, flags: string, answer: TranslationAnswer, condition?: string];

// Flags: q = qualified, t = only a torn entry gives it. Codes of host permission tables (60h, A0h-A5h) are missing,
// as they are not modelled. Those of interrupt remapping are Linux' and QEMU's; 27h and 28h are UNVERIFIED.
const rows: readonly Row[] = [
  [0x1, 'present bit in root entry is clear', '', 'UR', 'LRT.2'],
  [0x2, 'present bit in context entry is clear', 'q', 'UR', 'LCT.2'],
  [0x3, 'invalid context entry', 'qt', 'CA', 'LCT.4'],
  [0x4, 'address beyond MGAW, AW or HAW', 'q', 'no-access', 'LGN.1'],
  [0x5, 'write permission not granted', 'q', 'effective'],
  [0x6, 'read permission not granted', 'q', 'effective'],
  [0x7, 'error accessing a second-stage table', 'q', 'CA', 'LSS.1'],
  [0x8, 'error accessing the root table', '', 'CA'],
  [0x9, 'error accessing the context table', '', 'CA'],
  [0xa, 'non-zero reserved field in root entry', 't', 'CA'],
  [0xb, 'non-zero reserved field in context entry', 'qt', 'CA'],
  [0xc, 'non-zero reserved field in second-stage paging entry', 'qt', 'CA'],
  [0xd, 'translation type blocks translation and translated requests', 'q', 'UR', 'LCT.5'],
  [0xe, 'output address in the interrupt range', 'q', 'CA'],
  [0x20, 'IR: non-zero reserved field in interrupt request', '', 'none'],
  [0x21, 'IR: interrupt index beyond the table', '', 'none'],
  [0x22, 'IR: present bit in IRTE is clear', 'q', 'none'],
  [0x23, 'IR: error accessing the interrupt remapping table', '', 'none'],
  [0x24, 'IR: non-zero reserved field in IRTE', 'qt', 'none'],
  [0x25, 'IR: compatibility-format interrupt blocked', '', 'none'],
  [0x26, 'IR: source-id verification failed', 'q', 'none'],
  [0x27, 'IR: error accessing the posted-interrupt descriptor', 'q', 'none'],
  [0x28, 'IR: non-zero reserved field in posted-interrupt descriptor', 'q', 'none'],
  [0x30, 'invalid root table address register', '', 'unstated', 'RTA.1'],
  [0x31, 'request with PASID in legacy mode', '', 'unstated'],
  [0x32, 'page request in legacy mode', '', 'unstated'],
  [0x33, 'request in abort-DMA mode', '', 'unstated'],
  [0x34, 'execute-requested bit set on hardware version 8 or later', '', 'unstated'],
  [0x38, 'SM: error accessing the root table', '', 'CA'],
  [0x39, 'SM: present bit in root entry is clear', '', 'UR'],
  [0x3a, 'SM: non-zero reserved field in root entry', 't', 'CA'],
  [0x40, 'SM: error accessing the context table', '', 'CA'],
  [0x41, 'SM: present bit in context entry is clear', 'q', 'UR'],
  [0x42, 'SM: non-zero reserved field in context entry', 'qt', 'CA'],
  [0x43, 'SM: invalid context entry', 'qt', 'CA'],
  [0x44, 'SM: DTE in context entry is clear', 'q', 'UR'],
  [0x45, 'SM: PASIDE in context entry is clear', 'q', 'UR'],
  [0x46, 'SM: PASID beyond the PASID directory', 'q', 'UR'],
  [0x47, 'SM: PRE in context entry is clear', 'q', 'none'],
  [0x48, 'SM: PASID of the request equals RID_PASID', 'q', 'UR'],
  [0x49, 'SM: EPTR in context entry is clear', 'q', 'none'],
  [0x50, 'SM: error accessing the PASID directory', '', 'CA'],
  [0x51, 'SM: present bit in PASID directory entry is clear', 'q', 'no-access'],
  [0x52, 'SM: non-zero reserved field in PASID directory entry', 'qt', 'CA'],
  [0x58, 'SM: error accessing the PASID table', '', 'CA', 'SPT.1'],
  [0x59, 'SM: present bit in PASID entry is clear', 'q', 'no-access', 'SPT.2'],
  [0x5a, 'SM: non-zero reserved field in PASID entry', 'qt', 'CA', 'SPT.3'],
  [0x5b, 'SM: invalid PASID entry', 'qt', 'CA', 'SPT.4'],
  [0x5c, 'SM: execute requests not supported', 'q', 'no-access'],
  [0x5d, 'SM: SRE in PASID entry is clear', 'q', 'no-access'],
  [0x70, 'SM: error accessing a first-stage table', 'q', 'no-access'],
  [0x71, 'SM: present bit in first-stage paging entry is clear', 'q', 'no-access'],
  [0x72, 'SM: non-zero reserved field in first-stage paging entry', 'qt', 'no-access'],
  [0x73, 'SM: error accessing the first-stage top table', 'q', 'no-access'],
  [0x74, 'SM: nested, address too wide', 'q', 'no-access'],
  [0x75, 'SM: nested, no read permission for a first-stage table', 'q', 'no-access'],
  [0x76, 'SM: nested, no read permission for a first-stage table', 'q', 'no-access'],
  [0x77, 'SM: nested, setting first-stage accessed or dirty blocked', 'q', 'no-access'],
  [0x78, 'SM: error accessing a second-stage table', 'q', 'CA'],
  [0x79, 'SM: no read or write permission in second-stage paging entry', 'q', 'no-access'],
  [0x7a, 'SM: non-zero reserved field in second-stage paging entry', 'qt', 'CA'],
  [0x7b, 'SM: error accessing the second-stage top table', 'q', 'CA'],
  [0x7c, 'SM: second-stage accessed or dirty needs a snooped walk', 'q', 'CA'],
  [0x7d, 'SM: setting second-stage accessed or dirty failed', 'q', 'CA'],
  [0x80, 'SM: non-canonical address', 'q', 'no-access'],
  [0x81, 'SM: user/supervisor violation', 'q', 'no-access'],
  [0x83, 'SM: pass-through or translated address beyond HAW', 'q', 'no-access'],
  [0x84, 'SM: second-stage address beyond MGAW or AW', 'q', 'no-access'],
  [0x85, 'SM: write permission not granted', 'q', 'effective'],
  [0x86, 'SM: read permission not granted', 'q', 'effective'],
  [0x87, 'SM: output address in the interrupt range', 'q', 'CA'],
  [0x89, 'SM: PASID beyond the supported width', '', 'UR'],
  [0x90, 'SM: first-stage accessed or dirty needs a snooped walk', 'q', 'no-access'],
  [0x91, 'SM: setting first-stage accessed or dirty failed', 'q', 'no-access'],
];

/** The faults a DMA (VT-d 7.1.3 Table 30) or interrupt request can end in, by code, in ascending order. */
export const faultReasons: ReadonlyMap<number, FaultReasonInfo> = new Map(
  rows.map(([code, text, flags, translationAnswer, condition]) => [
    code,
    {
      code,
      text,
      ...(condition === undefined ? {} : { condition }),
      qualified: flags.includes('q'),
      translationAnswer,
      ...(flags.includes('t') ? { onlyTornEntryGives: true as const } : {}),
      section: code >= 0x20 && code < 0x30 ? 'drivers/iommu/intel/dmar.c' : 'VT-d 7.1.3 Table 30',
    },
  ]),
);

/** The codes that the checks of single entries return. */
export const entryFault = {
  rootNotPresent: 0x1,
  rootReserved: 0xa,
  contextNotPresent: 0x2,
  contextInvalid: 0x3,
  contextReserved: 0xb,
  interruptEntryNotPresent: 0x22,
  interruptEntryReserved: 0x24,
  scalableRootNotPresent: 0x39,
  scalableRootReserved: 0x3a,
  scalableContextNotPresent: 0x41,
  scalableContextReserved: 0x42,
  scalableContextInvalid: 0x43,
  pasidDirectoryNotPresent: 0x51,
  pasidDirectoryReserved: 0x52,
  pasidNotPresent: 0x59,
  pasidReserved: 0x5a,
  pasidInvalid: 0x5b,
  firstStageNotPresent: 0x71,
  firstStageReserved: 0x72,
  secondStageNotPresent: 0x79,
  secondStageReserved: 0x7a,
} as const;

export type FaultReason = (typeof entryFault)[keyof typeof entryFault];
