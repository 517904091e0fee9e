import { describe, expect, it } from 'vitest';
import { exploreLitmus } from '../../litmus/explore-litmus.ts';
import type { Value } from '../../litmus/program.ts';
import { readTest } from './instruction-text.ts';

/** The final states of a test on a machine in order, `name=value` for each of `shown`. */
function run(text: string, shown: readonly string[]): readonly string[] {
  const test = readTest(text.replace('LOCATIONS', `locations [${shown.join('; ')}]`));
  const { states, observables, complete } = exploreLitmus(test, 'sc');
  expect(complete).toBe(true);
  const show = (value: Value | undefined): string => {
    if (value === undefined) throw new Error('no value');
    return value.kind === 'address' ? '&' : BigInt.asIntN(64, value.value).toString();
  };
  return states.map(({ values }) => observables.map(({ text: name }, i) => `${name}=${show(values[i])}`).join(' '));
}

function riscv(...rows: readonly string[]): string {
  return `RISCV T\n{ x=-8; 0:x6=x; 0:x5=3; }\n P0 ;\n${rows.map((row) => ` ${row} ;\n`).join('')}LOCATIONS exists (true)`;
}

describe('RISC-V instructions, one thread', () => {
  it.each<[string, readonly string[], string]>([
    ['the less of two numbers with a sign', ['amomin.w x7,x5,(x6)', 'lw x8,(x6)'], '0:x7=-8 0:x8=-8'],
    ['the greater of two numbers with a sign', ['amomax.w x7,x5,(x6)', 'lw x8,(x6)'], '0:x7=-8 0:x8=3'],
    ['the less of two numbers without', ['amominu.w x7,x5,(x6)', 'lw x8,(x6)'], '0:x7=-8 0:x8=3'],
    ['the greater of two numbers without', ['amomaxu.w x7,x5,(x6)', 'lw x8,(x6)'], '0:x7=-8 0:x8=-8'],
    ['a sum', ['amoadd.w x7,x5,(x6)', 'lwu x8,(x6)'], `0:x7=-8 0:x8=${2 ** 32 - 5}`],
    ['a sum of 32 bits', ['li x7,0x7fffffff', 'addiw x8,x7,1'], `0:x7=${2 ** 31 - 1} 0:x8=${-(2 ** 31)}`],
    ['a comparison with a sign', ['slti x7,x5,-1', 'sltiu x8,x5,-1'], '0:x7=0 0:x8=1'],
    ['x0', ['li x7,5', 'amoadd.w x0,x7,(x6)', 'add x7,x0,x0', 'lw x8,(x6)'], '0:x7=0 0:x8=-3'],
    ['a branch taken', ['li x7,1', 'bltu x5,x6,L', 'li x7,2', 'L: li x8,1'], '0:x7=1 0:x8=1'],
    ['a branch not taken', ['li x7,1', 'bge x0,x5,L', 'li x7,2', 'L: li x8,1'], '0:x7=2 0:x8=1'],
  ])('give %s', (_, rows, expected) => {
    expect(run(riscv(...rows), ['0:x7', '0:x8'])).toEqual([expected]);
  });

  it('reserve and store, or fail and change nothing', () => {
    expect(run(riscv('lr.w.aqrl x7,(x6)', 'sc.w.aqrl x8,x5,(x6)'), ['0:x7', '0:x8', 'x'])).toEqual([
      '0:x7=-8 0:x8=0 x=3',
      `0:x7=-8 0:x8=1 x=${2 ** 32 - 8}`,
    ]);
  });
});

describe('x86 instructions, one thread', () => {
  const x86 = (...rows: readonly string[]): string =>
    `X86 T\n{ x=-8; 0:EAX=3; 0:ECX=5; }\n P0 ;\n${rows.map((row) => ` ${row} ;\n`).join('')}LOCATIONS exists (true)`;

  it.each<[string, readonly string[], string]>([
    ['a swap', ['XCHG EAX,ECX'], '0:EAX=5 0:ECX=3'],
    ['a swap with memory', ['XCHG [x],EAX', 'MOV ECX,[x]'], `0:EAX=${2 ** 32 - 8} 0:ECX=3`],
    ['a sum and what was before', ['LOCK XADD [x],EAX', 'MOV ECX,[x]'], `0:EAX=${2 ** 32 - 8} 0:ECX=${2 ** 32 - 5}`],
    ['an exchange that fails', ['LOCK CMPXCHG [x],ECX', 'JNE L', 'MOV ECX,$9', 'L:'], `0:EAX=${2 ** 32 - 8} 0:ECX=5`],
    [
      'an exchange that succeeds',
      ['MOV EAX,$-8', 'LOCK CMPXCHG [x],ECX', 'JNE L', 'MOV ECX,[x]', 'ADD ECX,$1', 'L:'],
      `0:EAX=${2 ** 32 - 8} 0:ECX=6`,
    ],
    ['a jump on less', ['CMP EAX,$4', 'JL L', 'MOV ECX,$9', 'L:'], '0:EAX=3 0:ECX=5'],
    ['no jump on less of a number with a sign', ['CMP EAX,[x]', 'JL L', 'MOV ECX,$9', 'L:'], '0:EAX=3 0:ECX=9'],
    ['a jump on below of the same without', ['CMP EAX,[x]', 'JB L', 'MOV ECX,$9', 'L:'], '0:EAX=3 0:ECX=5'],
    ['a jump on a sign', ['SUB EAX,$4', 'ADD EAX,$0', 'JS L', 'MOV ECX,$9', 'L:'], `0:EAX=${2 ** 32 - 1} 0:ECX=5`],
    ['a jump on zero', ['DEC EAX', 'SUB EAX,$2', 'JZ L', 'MOV ECX,$9', 'L:'], '0:EAX=0 0:ECX=5'],
    ['a jump on bits in memory', ['TEST EAX,[x]', 'JNZ L', 'MOV ECX,$9', 'L:'], '0:EAX=3 0:ECX=9'],
  ])('give %s', (_, rows, expected) => {
    expect(run(x86(...rows), ['0:EAX', '0:ECX'])).toEqual([expected]);
  });
});

describe('AArch64 instructions, one thread', () => {
  const aarch64 = (...rows: readonly string[]): string =>
    `AArch64 T\n{ x=-8; 0:X1=x; 0:X0=3; }\n P0 ;\n${rows.map((row) => ` ${row} ;\n`).join('')}LOCATIONS exists (true)`;
  const minus8 = 2 ** 32 - 8;

  it.each<[string, readonly string[], string]>([
    ['the greater with a sign', ['LDSMAX W0,W2,[X1]', 'LDR W3,[X1]'], `0:X2=${minus8} 0:X3=3`],
    ['the less without', ['LDUMIN W0,W2,[X1]', 'LDR W3,[X1]'], `0:X2=${minus8} 0:X3=3`],
    ['bits cleared', ['LDCLR W0,W2,[X1]', 'LDR W3,[X1]'], `0:X2=${minus8} 0:X3=${minus8}`],
    ['bits set', ['STSET W0,[X1]', 'LDR W3,[X1]', 'MOV W2,W3'], `0:X2=${minus8 + 3} 0:X3=${minus8 + 3}`],
    ['a swap that compares and fails', ['MOV W2,#7', 'CAS W2,W0,[X1]', 'LDR W3,[X1]'], `0:X2=${minus8} 0:X3=${minus8}`],
    ['one that succeeds', ['MOV X2,#-8', 'CAS W2,W0,[X1]', 'LDR W3,[X1]'], `0:X2=${minus8} 0:X3=3`],
    ['a sign extended', ['LDRSW X2,[X1]', 'LDR W3,[X1]'], `0:X2=-8 0:X3=${minus8}`],
    ['half a register', ['MOV X2,#-1', 'MOV W3,W2', 'ADD X2,X2,W3,SXTW'], `0:X2=-2 0:X3=${2 ** 32 - 1}`],
    [
      'a branch on less',
      ['MOV W2,#1', 'LDR W3,[X1]', 'CMP W3,#0', 'B.LT L', 'MOV W2,#2', 'L:'],
      `0:X2=1 0:X3=${minus8}`,
    ],
    ['none on lower', ['MOV W2,#1', 'LDR W3,[X1]', 'CMP W3,#0', 'B.LO L', 'MOV W2,#2', 'L:'], `0:X2=2 0:X3=${minus8}`],
    ['a branch on a bit', ['MOV W2,#1', 'MOV W3,#4', 'TBNZ W3,#2,L', 'MOV W2,#2', 'L:'], '0:X2=1 0:X3=4'],
    [
      'a branch on half a register',
      ['MOV W2,#1', 'MOV X3,#0x100000000', 'CBZ W3,L', 'MOV W2,#2', 'L:'],
      `0:X2=1 0:X3=${2 ** 32}`,
    ],
  ])('give %s', (_, rows, expected) => {
    expect(run(aarch64(...rows), ['0:X2', '0:X3'])).toEqual([expected]);
  });
});

describe('statements in C, one thread', () => {
  const c = (...statements: readonly string[]): string =>
    `C T\n{ x=-8; }\nP0(int *x, u64 *y, atomic_t *a, spinlock_t *l) { int r0; int r1; u32 u; u64 w;\n${statements.join('\n')}\n}\nLOCATIONS exists (true)`;

  it.each<[string, readonly string[], string]>([
    ['a sign', ['r0 = *x; r1 = r0 < 3;'], '0:r0=-8 0:r1=1'],
    ['none where one side has none', ['u = 3; r0 = *x; r1 = r0 < u;'], '0:r0=-8 0:r1=0'],
    ['a sign in more bits', ['w = READ_ONCE(*x); r0 = w == -8; r1 = w > 5;'], '0:r0=1 0:r1=1'],
    ['what wraps', ['r0 = 0x7fffffff; r0++; r1 = -r0 == r0;'], `0:r0=${-(2 ** 31)} 0:r1=1`],
    ['what an exchange finds', ['r0 = cmpxchg(x, -8, 5); r1 = cmpxchg(x, -8, 6);'], '0:r0=-8 0:r1=5'],
    ['sums', ['r0 = atomic_add_return(-3, a); r1 = atomic_fetch_sub(4, a);'], '0:r0=-3 0:r1=-3'],
    ['tests', ['r0 = atomic_dec_and_test(a); r1 = atomic_inc_and_test(a);'], '0:r0=0 0:r1=1'],
    [
      'bits',
      ['*x = 12; r0 = atomic_fetch_or(6, a); r1 = atomic_fetch_andnot(2, a); r1 += atomic_read(a);'],
      '0:r0=0 0:r1=10',
    ],
    ['a lock', ['spin_lock(l); r0 = spin_trylock(l); spin_unlock(l); r1 = spin_trylock(l);'], '0:r0=0 0:r1=1'],
    ['a side not looked at', ['r0 = 0; if (r0 && (r1 = 5)) r1 = 6;'], '0:r0=0 0:r1=0'],
    ['a side looked at', ['r0 = 0; if (r0 || (r1 = 5)) r0 = 6;'], '0:r0=6 0:r1=5'],
    ['else', ['if (*x > 0) r0 = 1; else if (*x == -8) { r0 = 2; r1 = 3; } else r0 = 4;'], '0:r0=2 0:r1=3'],
  ])('give %s', (_, statements, expected) => {
    expect(run(c(...statements), ['0:r0', '0:r1'])).toEqual([expected]);
  });
});
