import { describe, expect, it } from 'vitest';
import { problemTexts, readTest, threadText } from './instruction-text.ts';

/** One thread of the instructions, x6 pointing to x. */
function source(...rows: readonly string[]): string {
  return `RISCV T\n{ 0:x5=1; 0:x6=x; }\n P0 ;\n${rows.map((row) => ` ${row} ;\n`).join('')}exists (x=0)\n`;
}

function read(...rows: readonly string[]): readonly string[] {
  return threadText(readTest(source(...rows)));
}

describe('a RISC-V instruction', () => {
  it.each<[string, ...string[]]>([
    ['lw x7,0(x6)', 'x7 = load32 [x6] relaxed', 'x7 = s32(x7)'],
    ['lwu x7,0(x6)', 'x7 = load32 [x6] relaxed'],
    ['lb x7,(x6)', 'x7 = load8 [x6] relaxed', 'x7 = s8(x7)'],
    ['lhu x7,2(x6)', 'x7 = load16 [(x6 + 2)] relaxed'],
    ['lw x0,0(x6)', 'x0 (discarded) = load32 [x6] relaxed', 'x0 (discarded) = s32(x0 (discarded))'],
    ['sw x5,0(x6)', 'store32 [x6] = x5 relaxed'],
    ['sw x0,0(x6)', 'store32 [x6] = 0 relaxed'],
    ['sb x5,3(x6)', 'store8 [(x6 + 3)] = x5 relaxed'],
    ['lr.w x7,(x6)', 'x7 = load-reserved32 [x6] relaxed', 'x7 = s32(x7)'],
    ['lr.w.aq x7,0(x6)', 'x7 = load-reserved32 [x6] acquire-rcsc', 'x7 = s32(x7)'],
    ['lr.w.aq.rl x7,(x6)', 'fence r:1 w:1 i:0 o:0', 'x7 = load-reserved32 [x6] acquire-rcsc', 'x7 = s32(x7)'],
    ['sc.w x7,x5,(x6)', 'x7 = store-conditional32 [x6] = x5 relaxed'],
    ['sc.w.rl x7,x5,(x6)', 'x7 = store-conditional32 [x6] = x5 release-rcsc'],
    [
      'sc.w.aqrl x7,x5,(x6)',
      'x7 = store-conditional32 [x6] = x5 release-rcsc',
      'if x7 goto 3',
      'fence r:0 w:3 i:0 o:0',
    ],
    ['amoswap.w x7,x5,(x6)', 'x7 = s32(old); rmw32 [x6] = x5 relaxed/relaxed'],
    ['amoswap.w.aq.rl x0,x5,(x6)', 'rmw32 [x6] = x5 acquire-rcsc/release-rcsc'],
    ['amoadd.w.aq x7,x5,(x6)', 'x7 = s32(old); rmw32 [x6] = (old + x5) acquire-rcsc/relaxed'],
    ['amoor.w.rl x7,x5,(x6)', 'x7 = s32(old); rmw32 [x6] = (old | x5) relaxed/release-rcsc'],
    [
      'amomax.w x7,x5,(x6)',
      'x7 = s32(old); rmw32 [x6] = (s32(old) + ((s32(x5) - s32(old)) * (s32(old) < s32(x5)))) relaxed/relaxed',
    ],
    [
      'amominu.w x7,x5,(x6)',
      'x7 = s32(old); rmw32 [x6] = (s32(old) - ((s32(old) - s32(x5)) * (s32(x5) <u s32(old)))) relaxed/relaxed',
    ],
    ['fence', 'fence r:15 w:15 i:15 o:15'],
    ['fence rw,rw', 'fence r:3 w:3 i:0 o:0'],
    ['fence r,rw', 'fence r:3 w:0 i:0 o:0'],
    ['fence iorw,ow', 'fence r:10 w:10 i:10 o:10'],
    ['fence.tso', 'fence r:3 w:2 i:0 o:0'],
    ['li x7,-1', 'x7 = -1'],
    ['li x7,0x10', 'x7 = 16'],
    ['la x7,x', 'x7 = &x'],
    ['mv a0,x5', 'x10 = x5'],
    ['xor x7,x5,x5', 'x7 = (x5 ^ x5)'],
    ['addi x7,x5,-4', 'x7 = (x5 + -4)'],
    ['addw x7,x5,x5', 'x7 = s32((x5 + x5))'],
    ['ori x7,x0,1', 'x7 = (0 | 1)'],
    ['slli x7,x5,66', 'x7 = (x5 << 2)'],
    ['srl x7,x5,x6', 'x7 = (x5 >> (x6 & 63))'],
    ['sltu x7,x5,x6', 'x7 = (x5 <u x6)'],
    ['nop'],
  ])('%s', (row, ...expected) => {
    expect(read(row)).toEqual(expected);
  });

  it('of 64 bits makes a location without a type as wide', () => {
    const test = readTest(source('ld x7,0(x6)', 'sd x5,0(x6)', 'amoswap.d x8,x5,(x6)'));
    expect(threadText(test)).toEqual([
      'x7 = load64 [x6] relaxed',
      'store64 [x6] = x5 relaxed',
      'x8 = old; rmw64 [x6] = x5 relaxed/relaxed',
    ]);
    expect(test.locations).toEqual([{ name: 'x', widthBits: 64, initial: { kind: 'integer', value: 0n } }]);
  });

  it.each([
    ['beq x5,x6,L', 'if (x5 == x6) goto 2'],
    ['bne x5,x0,L', 'if (x5 != 0) goto 2'],
    ['blt x5,x6,L', 'if (x5 < x6) goto 2'],
    ['bge x5,x6,L', 'if (x6 <= x5) goto 2'],
    ['bgtu x5,x6,L', 'if (x6 <u x5) goto 2'],
    ['bgeu x5,x6,L', 'if (x6 <=u x5) goto 2'],
    ['beqz x5,L', 'if (x5 == 0) goto 2'],
    ['bgtz x5,L', 'if (0 < x5) goto 2'],
    ['j L', 'if 1 goto 2'],
  ])('%s goes on at its label', (row, expected) => {
    expect(read(row, 'nop', 'sw x5,0(x6)', 'L: li x7,1')).toEqual([expected, 'store32 [x6] = x5 relaxed', 'x7 = 1']);
  });
});

describe('what a RISC-V test cannot have', () => {
  it.each<[string, ...string[]]>([
    ['lx x7,0(x6)', '4:2 unknown instruction "lx" (did you mean "la"?)'],
    ['lw x7', '4:8 expected ",", found ";" already'],
    ['lw x7,0(x32)', '4:10 expected a register, found "x32"'],
    ['lw x7,0(x6) x5', '4:14 expected the end of the instruction, found "x5"'],
    ['fence rx,w', '4:8 "rx" is no kind of access (write some of iorw, in this order)'],
    ['add.aq x7,x5,x5', '4:2 "add" takes no .aq or .rl'],
    ['lr.w.rl x7,(x6)', '4:2 lr with .rl and without .aq is not allowed (A extension, 8.2)'],
    ['sc.w.aq x7,x5,(x6)', '4:2 sc with .aq and without .rl is not allowed (A extension, 8.2)'],
    [
      'amoadd.w.aq.aq.aq.aq.aq.aq.aq.aq.aq.aq.aq.aq x7,x5,(x6)',
      '4:2 unknown instruction "amoadd.w.aq.aq.aq.aq.aq.aq.aq.aq.aq.aq.aq.aq"',
    ],
    ['ecall', '4:2 "ecall" is not modelled (tests are straight code of one privilege level)'],
    ['beq x5,x6,M', '4:12 no label "M" in P0'],
    ['L: beq x5,x6,L', '4:15 a branch back to "L": loops are not modelled (write the rounds one after the other)'],
    ['L: L: nop', '4:5 a second label "L"'],
    ['lw x7,4(x6)', '4:2 an access of 32 bits at byte 4 of "x", which has 32 bits'],
    ['lw x7,1(x6)', '4:2 an access of 32 bits at byte 1 of "x", which has 32 bits'],
  ])('%s', (row, ...expected) => {
    expect(problemTexts(source(row))).toEqual(expected);
  });

  it('is told of several instructions at once', () => {
    expect(problemTexts(source('lx x7,0(x6)', 'lw x7,0(x6)', 'frob'))).toEqual([
      '4:2 unknown instruction "lx" (did you mean "la"?)',
      '6:2 unknown instruction "frob"',
    ]);
  });

  it('is an access wider than the type of the location', () => {
    expect(problemTexts('RISCV T\n{ int x; 0:x6=x; }\n P0 ;\n ld x5,0(x6) ;\nexists (x=0)\n')).toEqual([
      '4:2 an access of 64 bits to "x", which has 32 bits (give it a wider type in the initial state)',
    ]);
  });
});
