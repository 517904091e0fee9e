import { layout } from '../../entry-layout.ts';

// Commands are 128 bits; `opcode` and `function` together say which (RISC-V IOMMU, Command-queue).

const head = {
  opcode: { high: 6, low: 0, spec: 'opcode' },
  function: { high: 9, low: 7, spec: 'func3' },
} as const;
const pid = { high: 31, low: 12, spec: 'PID' } as const;
const deviceValid = { high: 33, low: 33, spec: 'DV' } as const;
const did = { high: 63, low: 40, spec: 'DID' } as const;

/** IOTINVAL.VMA and IOTINVAL.GVMA. */
export const invalidateTranslations = layout({
  name: 'IOTINVAL',
  widthBits: 128,
  section: 'RISC-V IOMMU, IOTINVAL commands',
  fields: {
    ...head,
    addressValid: { high: 10, low: 10, spec: 'AV' },
    pscid: { high: 31, low: 12, spec: 'PSCID' },
    pscidValid: { high: 32, low: 32, spec: 'PSCV' },
    guestValid: { high: 33, low: 33, spec: 'GV' },
    nonLeaf: { high: 34, low: 34, spec: 'NL', reservedUnless: 'NL' },
    gscid: { high: 59, low: 44, spec: 'GSCID' },
    range: { high: 73, low: 73, spec: 'S', reservedUnless: 'S' },
    address: { high: 125, low: 74, spec: 'ADDR', unitBytes: 4096 },
  },
});

/** IOFENCE.C. The address has more bits than a field may have, so it comes in two. */
export const fence = layout({
  name: 'IOFENCE.C',
  widthBits: 128,
  section: 'RISC-V IOMMU, IOFENCE commands',
  fields: {
    ...head,
    addressValid: { high: 10, low: 10, spec: 'AV' },
    wireSignal: { high: 11, low: 11, spec: 'WSI' },
    reads: { high: 12, low: 12, spec: 'PR' },
    writes: { high: 13, low: 13, spec: 'PW' },
    data: { high: 63, low: 32, spec: 'DATA' },
    addressLow: { high: 93, low: 64, spec: 'ADDR[31:2]', unitBytes: 4 },
    addressHigh: { high: 125, low: 94, spec: 'ADDR[63:32]' },
  },
});

/** IODIR.INVAL_DDT and IODIR.INVAL_PDT. */
export const invalidateDirectory = layout({
  name: 'IODIR',
  widthBits: 128,
  section: 'RISC-V IOMMU, IODIR commands',
  fields: { ...head, pid, deviceValid, did },
});

/** ATS.INVAL. */
export const invalidateDeviceTlb = layout({
  name: 'ATS.INVAL',
  widthBits: 128,
  section: 'RISC-V IOMMU, ATS commands',
  fields: {
    ...head,
    pid,
    pidValid: { high: 32, low: 32, spec: 'PV' },
    segmentValid: { high: 33, low: 33, spec: 'DSV' },
    rid: { high: 55, low: 40, spec: 'RID' },
    segment: { high: 63, low: 56, spec: 'DSEG' },
    global: { high: 64, low: 64, spec: 'G' },
    range: { high: 75, low: 75, spec: 'S' },
    address: { high: 127, low: 76, spec: 'Untranslated address', unitBytes: 4096 },
  },
});

/** ATS.PRGR. */
export const pageGroupResponse = layout({
  name: 'ATS.PRGR',
  widthBits: 128,
  section: 'RISC-V IOMMU, ATS commands',
  fields: {
    ...head,
    pid,
    pidValid: { high: 32, low: 32, spec: 'PV' },
    segmentValid: { high: 33, low: 33, spec: 'DSV' },
    rid: { high: 55, low: 40, spec: 'RID' },
    segment: { high: 63, low: 56, spec: 'DSEG' },
    group: { high: 104, low: 96, spec: 'PRGI' },
    response: { high: 111, low: 108, spec: 'Response Code' },
  },
});
