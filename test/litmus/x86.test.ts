import { describe, expect, it } from 'vitest';
import { problemTexts, readTest, threadText } from './instruction-text.ts';

function source(...rows: readonly string[]): string {
  return `X86 T\n{ uint64_t q; 0:rbx=x; }\n P0 ;\n${rows.map((row) => ` ${row} ;\n`).join('')}exists (q=0)\n`;
}

function read(...rows: readonly string[]): readonly string[] {
  return threadText(readTest(source(...rows)));
}

describe('an x86 instruction', () => {
  it.each<[string, ...string[]]>([
    ['MOV [x],$1', 'store32 [&x] = 1 relaxed'],
    ['MOV [q],$1', 'store64 [&q] = 1 relaxed'],
    ['MOV [RBX],$-1', 'store32 [RBX] = -1 relaxed'],
    ['MOV [x],EAX', 'store32 [&x] = RAX relaxed'],
    ['MOV EAX,[x]', 'RAX = load32 [&x] relaxed'],
    ['mov rax,[q]', 'RAX = load64 [&q] relaxed'],
    ['MOV EAX,$2', 'RAX = 2'],
    ['MOV EAX,ECX', 'RAX = u32(RCX)'],
    ['MOV R8,R9', 'R8 = R9'],
    // As AT&T writes them.
    ['movl $1,(x)', 'store32 [&x] = 1 relaxed'],
    ['movq %rax,(%rbx)', 'store64 [RBX] = RAX relaxed'],
    ['movl (x),%eax', 'RAX = load32 [&x] relaxed'],
    ['movb $1,(x)', 'store8 [&x] = 1 relaxed'],
    ['XCHG [x],EAX', 'RAX = old; rmw32 [&x] = RAX relaxed/relaxed full'],
    ['LOCK XCHG EAX,[x]', 'RAX = old; rmw32 [&x] = RAX relaxed/relaxed full'],
    ['XCHG EAX,ECX', '(memory 1) = RCX', 'RCX = u32(RAX)', 'RAX = u32((memory 1))'],
    ['LOCK INC [x]', 'rmw32 [&x] = (old + 1) relaxed/relaxed full'],
    ['LOCK SUB [q],$2', 'rmw64 [&q] = (old - 2) relaxed/relaxed full'],
    ['lock addl $1,(x)', 'rmw32 [&x] = (old + 1) relaxed/relaxed full'],
    ['LOCK XADD [x],EAX', 'RAX = old; rmw32 [&x] = (old + RAX) relaxed/relaxed full'],
    ['LOCK CMPXCHG [x],ECX', 'RAX = old; rmw32 [&x] = RCX if u32(RAX) relaxed/relaxed full'],
    ['LOCK CMPXCHG [q],RCX', 'RAX = old; rmw64 [&q] = RCX if RAX relaxed/relaxed full'],
    ['INC [x]', '(memory 1) = load32 [&x] relaxed', 'store32 [&x] = ((memory 1) + 1) relaxed'],
    ['ADD EAX,[x]', '(memory 2) = load32 [&x] relaxed', 'RAX = u32((RAX + (memory 2)))'],
    ['XOR EAX,EAX', 'RAX = u32((RAX ^ RAX))'],
    ['LEA RAX,[x]', 'RAX = &x'],
    ['MFENCE', 'fence r:15 w:15 i:15 o:15'],
    ['SFENCE', 'fence r:0 w:2 i:0 o:0'],
    ['LFENCE', 'fence r:3 w:0 i:0 o:0'],
    ['NOP'],
    ['CMP EAX,$1'],
  ])('%s', (row, ...expected) => {
    expect(read(row)).toEqual(expected);
  });

  it.each([
    ['JE', '(flags left) == (flags right)'],
    ['JNZ', '(flags left) != (flags right)'],
    ['JL', '(flags left) < (flags right)'],
    ['JAE', '(flags right) <=u (flags left)'],
  ])('%s looks at what was compared', (mnemonic, condition) => {
    expect(read('CMP EAX,$1', `${mnemonic} L`, 'L: NOP')).toEqual([
      '(flags left) = s32(RAX)',
      '(flags right) = 1',
      `if (${condition}) goto 3`,
    ]);
  });

  it('that is a compare and exchange says in the flags whether it wrote', () => {
    expect(read('LOCK CMPXCHG [x],ECX', 'JNE L', 'L:')).toEqual([
      '(memory 1) = old; rmw32 [&x] = RCX if u32(RAX) relaxed/relaxed full',
      '(flags left) = s32(RAX)',
      '(flags right) = s32((memory 1))',
      'RAX = (memory 1)',
      'if ((flags left) != (flags right)) goto 5',
    ]);
  });

  it('that writes a number is as wide as the registers the location is used with', () => {
    const test = readTest('X86 T\n{}\n P0 | P1 ;\n MOV [x],$1 | MOV RAX,[x] ;\nexists (1:RAX=0)\n');
    expect([threadText(test), threadText(test, 1)]).toEqual([
      ['store64 [&x] = 1 relaxed'],
      ['RAX = load64 [&x] relaxed'],
    ]);
  });

  it('names one register in many ways', () => {
    const test = readTest('X86 T\n{ 0:EAX=2; }\n P0 ;\n MOV [x],EAX ;\nexists (0:rax=2 /\\ 0:EAX=-1)\n');
    expect(test.threads[0]?.registers).toEqual(['RAX']);
    expect(test.condition.proposition).toEqual({
      kind: 'and',
      parts: [
        {
          kind: 'equals',
          left: { kind: 'register', thread: 0, register: 0, text: '0:rax' },
          right: { kind: 'integer', value: 2n },
        },
        {
          kind: 'equals',
          left: { kind: 'register', thread: 0, register: 0, text: '0:EAX' },
          // The lower half is all of EAX.
          right: { kind: 'integer', value: 0xffffffffn },
        },
      ],
    });
  });
});

describe('what an x86 test cannot have', () => {
  it.each<[readonly string[], string]>([
    [['MVO [x],$1'], '4:2 unknown instruction "MVO" (did you mean "MOV"?)'],
    [['MOV [x],[q]'], '4:10 two operands in memory (one has to be a register or a number)'],
    [['MOV $1,EAX'], '4:6 a number cannot be written to'],
    [['MOV AL,[x]'], '4:6 "AL": registers of 8 and 16 bits are not modelled'],
    [['MOV x,EAX'], '4:6 unknown register "x" (a location is written [x])'],
    [['MOV EAX,RCX'], '4:10 a register of 64 bits where 32 are meant'],
    [['LOCK MOV [x],$1'], '4:2 "MOV" takes no LOCK'],
    [['LOCK INC EAX'], '4:2 LOCK is for instructions that write memory'],
    [['CMPXCHG [x],ECX'], '4:2 CMPXCHG without LOCK is not modelled'],
    [
      ['LOCK CMPXCHG16B [x]'],
      '4:7 "CMPXCHG16B" is not modelled (of locked operations there are those of 8 to 64 bits)',
    ],
    [['MOV EAX'], '4:2 "MOV" takes two operands'],
    [['JE L', 'L:'], '4:2 "JE", and nothing has set the flags before'],
    [['INC EAX', 'JL L', 'L:'], '5:2 "JL" of the flags set here is not modelled (compare the value with CMP)'],
    [
      ['L: MOV [x],$1', 'JMP L'],
      '5:6 a branch back to "L": loops are not modelled (write the rounds one after the other)',
    ],
  ])('%j', (rows, expected) => {
    expect(problemTexts(source(...rows))).toEqual([expected]);
  });
});
