import { describe, expect, it } from 'vitest';
import { problemTexts, readTest, threadText } from './instruction-text.ts';

/** One thread of the instructions, X1 pointing to x. */
function source(...rows: readonly string[]): string {
  return `AArch64 T\n{ 0:X1=x; }\n P0 ;\n${rows.map((row) => ` ${row} ;\n`).join('')}exists (x=0)\n`;
}

function read(...rows: readonly string[]): readonly string[] {
  return threadText(readTest(source(...rows)));
}

describe('an AArch64 instruction', () => {
  it.each<[string, ...string[]]>([
    ['LDR W0,[X1]', 'X0 = load32 [X1] relaxed'],
    ['LDR X0,[X1]', 'X0 = load64 [X1] relaxed'],
    ['ldrb w0,[x1,#1]', 'X0 = load8 [(X1 + 1)] relaxed'],
    ['LDRH W0,[X1,2]', 'X0 = load16 [(X1 + 2)] relaxed'],
    ['LDRSW X0,[X1]', 'X0 = load32 [X1] relaxed', 'X0 = s32(X0)'],
    ['LDR W0,[X1,X2]', 'X0 = load32 [(X1 + X2)] relaxed'],
    ['LDR W0,[X1,W2,SXTW]', 'X0 = load32 [(X1 + s32(X2))] relaxed'],
    ['LDR W0,[X1,W2,UXTW #2]', 'X0 = load32 [(X1 + (u32(X2) << 2))] relaxed'],
    ['LDR WZR,[X1]', 'XZR (discarded) = load32 [X1] relaxed'],
    ['LDAR W0,[X1]', 'X0 = load32 [X1] acquire-rcsc'],
    ['LDAPR W0,[X1]', 'X0 = load32 [X1] acquire'],
    ['STR W0,[X1]', 'store32 [X1] = X0 relaxed'],
    ['STR WZR,[X1]', 'store32 [X1] = 0 relaxed'],
    ['STRB W0,[X1]', 'store8 [X1] = X0 relaxed'],
    ['STLR X0,[X1]', 'store64 [X1] = X0 release-rcsc'],
    ['STLRH W0,[X1]', 'store16 [X1] = X0 release-rcsc'],
    ['LDXR W0,[X1]', 'X0 = load-reserved32 [X1] relaxed'],
    ['LDAXR X0,[X1]', 'X0 = load-reserved64 [X1] acquire-rcsc'],
    ['STXR W2,W0,[X1]', 'X2 = store-conditional32 [X1] = X0 relaxed'],
    ['STLXR W2,X0,[X1]', 'X2 = store-conditional64 [X1] = X0 release-rcsc'],
    ['SWP W0,W2,[X1]', 'X2 = old; rmw32 [X1] = X0 relaxed/relaxed'],
    ['SWPA X0,X2,[X1]', 'X2 = old; rmw64 [X1] = X0 acquire-rcsc/relaxed'],
    ['SWPL W0,W2,[X1]', 'X2 = old; rmw32 [X1] = X0 relaxed/release-rcsc'],
    // A and L together order what is before against what is after.
    ['SWPAL W0,W2,[X1]', 'X2 = old; rmw32 [X1] = X0 acquire-rcsc/release-rcsc full'],
    // Without a register for the old value there is no acquire.
    ['SWPAL W0,WZR,[X1]', 'rmw32 [X1] = X0 relaxed/release-rcsc'],
    ['CAS W0,W2,[X1]', 'X0 = old; rmw32 [X1] = X2 if u32(X0) relaxed/relaxed'],
    ['CASAL X0,X2,[X1]', 'X0 = old; rmw64 [X1] = X2 if X0 acquire-rcsc/release-rcsc full'],
    ['LDADD W0,W2,[X1]', 'X2 = old; rmw32 [X1] = (old + X0) relaxed/relaxed'],
    ['LDCLRA W0,W2,[X1]', 'X2 = old; rmw32 [X1] = (old & (X0 ^ -1)) acquire-rcsc/relaxed'],
    ['LDSET W0,W2,[X1]', 'X2 = old; rmw32 [X1] = (old | X0) relaxed/relaxed'],
    ['LDEOR W0,W2,[X1]', 'X2 = old; rmw32 [X1] = (old ^ X0) relaxed/relaxed'],
    [
      'LDSMAX W0,W2,[X1]',
      'X2 = old; rmw32 [X1] = (s32(old) + ((s32(X0) - s32(old)) * (s32(old) < s32(X0)))) relaxed/relaxed',
    ],
    ['STADDL W0,[X1]', 'rmw32 [X1] = (old + X0) relaxed/release-rcsc'],
    ['MOV W0,#1', 'X0 = 1'],
    ['MOV W0,W2', 'X0 = u32(X2)'],
    ['MOV X0,X2', 'X0 = X2'],
    ['ADD W0,W2,#3', 'X0 = u32((X2 + 3))'],
    ['ADD X0,X2,W3,SXTW', 'X0 = (X2 + s32(X3))'],
    ['EOR W2,W0,W0', 'X2 = u32((X0 ^ X0))'],
    ['AND X2,X0,#128', 'X2 = (X0 & 128)'],
    ['LSL W2,W0,#4', 'X2 = u32((u32(X0) << 4))'],
    ['DMB SY', 'fence r:15 w:15 i:15 o:15'],
    ['DMB ISH', 'fence r:15 w:15 i:15 o:15'],
    ['DSB ISHLD', 'fence r:15 w:0 i:15 o:0'],
    ['DMB LD', 'fence r:15 w:0 i:15 o:0'],
    ['DMB ISHST', 'fence r:0 w:10 i:0 o:10'],
    ['ISB', 'context-sync'],
    ['NOP'],
    // Without a conditional branch nobody looks at the flags.
    ['CMP W0,#1'],
  ])('%s', (row, ...expected) => {
    expect(read(row)).toEqual(expected);
  });

  it.each([
    ['CBZ W0,L', 'if (u32(X0) == 0) goto 2'],
    ['CBNZ X0,L', 'if (X0 != 0) goto 2'],
    ['TBNZ X0,#3,L', 'if ((X0 & 8) != 0) goto 2'],
    ['B L', 'if 1 goto 2'],
  ])('%s goes on at its label', (row, expected) => {
    expect(read(row, 'STR W0,[X1]', 'L:')).toEqual([expected, 'store32 [X1] = X0 relaxed']);
  });

  it.each([
    ['B.EQ', '(flags left) == (flags right)'],
    ['BNE', '(flags left) != (flags right)'],
    ['B.LT', '(flags left) < (flags right)'],
    ['B.GE', '(flags right) <= (flags left)'],
    ['B.HI', '(flags right) <u (flags left)'],
  ])('%s looks at what was compared', (mnemonic, condition) => {
    expect(read('CMP W0,#1', `${mnemonic} L`, 'L: NOP')).toEqual([
      '(flags left) = s32(X0)',
      '(flags right) = 1',
      `if (${condition}) goto 3`,
    ]);
  });
});

describe('what an AArch64 test cannot have', () => {
  it.each<[string, string]>([
    ['LDRX W0,[X1]', '4:2 unknown instruction "LDRX" (did you mean "LDR"?)'],
    ['LDP W0,W2,[X1]', '4:2 "LDP" is not modelled (pairs are not modelled; write two accesses if that is meant)'],
    ['LDR W0,[W1]', '4:10 "W1" cannot hold an address (use its X register)'],
    ['LDR W0,[X1],#4', '4:13 addresses that change their register are not modelled (add in an instruction of its own)'],
    ['LDRB X0,[X1]', '4:7 expected a W register, found "X0"'],
    ['DMB ISHX', '4:6 unknown option "ISHX" (known: SY, LD, ST, ISH, ISHLD, ISHST, ...)'],
    ['MOV W31,#1', '4:6 expected a register, found "W31"'],
    ['B.EQ L', '4:2 "B.EQ", and nothing has set the flags before'],
    ['CSEL W0,W1,W2,EQ', '4:2 "CSEL" is not modelled (write it with a branch)'],
    ['STADDAL W0,[X1]', '4:2 unknown instruction "STADDAL" (did you mean "STADDL"?)'],
  ])('%s', (row, expected) => {
    expect(problemTexts(source(row))).toEqual([expected]);
  });
});
