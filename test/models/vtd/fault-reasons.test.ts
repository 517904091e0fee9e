import { describe, expect, it } from 'vitest';
import { entryFault, faultReasons } from '../../../models/vtd/fault-reasons.ts';

const reasons = [...faultReasons.values()];
const hex = (codes: readonly { readonly code: number }[]) => codes.map(({ code }) => code.toString(16)).join(' ');

describe('the fault reasons', () => {
  it('are those that a DMA or an interrupt request can meet, in ascending order', () => {
    expect(hex(reasons)).toBe(
      '1 2 3 4 5 6 7 8 9 a b c d e 20 21 22 23 24 25 26 27 28 30 31 32 33 34 38 39 3a 40 41 42 43 44 45 46 47 48 49 ' +
        '50 51 52 58 59 5a 5b 5c 5d 70 71 72 73 74 75 76 77 78 79 7a 7b 7c 7d 80 81 83 84 85 86 87 89 90 91',
    );
  });

  it('are kept from the log by FPD unless they come from a place that has none', () => {
    expect(hex(reasons.filter(({ qualified }) => !qualified))).toBe(
      '1 8 9 a 20 21 23 25 30 31 32 33 34 38 39 3a 40 50 58 89',
    );
  });

  it('show a torn entry by reserved bits and invalid programming', () => {
    expect(hex(reasons.filter(({ onlyTornEntryGives }) => onlyTornEntryGives))).toBe(
      '3 a b c 24 3a 42 43 52 5a 5b 72 7a',
    );
  });

  it.each([
    [0x51, 'no-access'],
    [0x59, 'no-access'],
    [0x5a, 'CA'],
    [0x5b, 'CA'],
    [0x41, 'UR'],
    [0x78, 'CA'],
    [0x79, 'no-access'],
    [0x86, 'effective'],
  ])('%i answers a translation request with %s', (code, answer) => {
    expect(faultReasons.get(code)?.translationAnswer).toBe(answer);
  });

  it('name the condition where it is known', () => {
    expect(faultReasons.get(0x5a)).toEqual({
      code: 0x5a,
      text: 'SM: non-zero reserved field in PASID entry',
      condition: 'SPT.3',
      qualified: true,
      translationAnswer: 'CA',
      onlyTornEntryGives: true,
      section: 'VT-d 7.1.3 Table 30',
    });
  });

  it('cover every fault that the check of an entry returns, under the same meaning', () => {
    const kind = { NotPresent: /is clear$|^SM: no read or write/, Reserved: /reserved field/, Invalid: /invalid/ };
    for (const [name, code] of Object.entries(entryFault)) {
      const [, suffix = ''] = /(NotPresent|Reserved|Invalid)$/.exec(name) ?? [];
      expect(faultReasons.get(code)?.text, name).toMatch(kind[suffix as keyof typeof kind]);
    }
  });
});
