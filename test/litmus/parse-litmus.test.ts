import { describe, expect, it } from 'vitest';
import type { Proposition } from '../../litmus/program.ts';
import { problemTexts, readTest, threadText } from './instruction-text.ts';

const threads = ' P0 | P1 ;\n li x5,1 | li x5,2 ;\n';

function conditionOf(text: string): Proposition {
  return readTest(`RISCV T\n{ int x; uint64_t y; }\n${threads}${text}\n`).condition.proposition;
}

describe('a header', () => {
  it('may have a title, keys and comments before the initial state', () => {
    const test = readTest(
      `(* first *)\n// second\n# third\nRISCV MP+[fr-rf]+ctrl.x "on one line"\n"a title { with\nbraces"\nCycle=Rfe {not} this\n`
        .replace('{not} ', '')
        .concat(`(* { *)\n{}\n${threads}exists (0:x5=1)`),
    );
    expect([test.name, test.architecture, test.file]).toEqual(['MP+[fr-rf]+ctrl.x', 'riscv', 'test.litmus']);
  });

  it.each([
    ['X86', 'x86'],
    ['X86_64', 'x86'],
    ['AArch64', 'aarch64'],
  ])('of %s is one of %s', (word, architecture) => {
    expect(readTest(`${word} T\n{ x=0; }\n P0 ;\nexists (x=0)`).architecture).toBe(architecture);
  });

  it.each([
    ['', '1:1 the file is empty (a litmus test begins with its architecture and name)'],
    ['(* only *)\n', '2:1 the file is empty (a litmus test begins with its architecture and name)'],
    ['RISC-V T\n{}', '1:1 unknown architecture "RISC-V" (did you mean "RISCV"?)'],
    ['frobnicate T\n{}', '1:1 unknown architecture "frobnicate" (known: X86, X86_64, RISCV, AArch64, C)'],
    ['PPC T\n{}', '1:1 tests of architecture "PPC" are not modelled (known: X86, X86_64, RISCV, AArch64, C)'],
    ['RISCV\n{}', '1:1 expected the name of the test after RISCV (write "RISCV SB", for example)'],
    ['RISCV T\n', '2:1 the file ends before its initial state (after the header comes { ... }, which may be empty)'],
    ['RISCV T\n(* never closed\n{}', '2:1 the comment (* is never closed'],
    ['RISCV T\0', 'NUL'],
  ])('%j is refused', (text, message) => {
    expect(problemTexts(text)).toEqual([message === 'NUL' ? '0:0 not a text file: it has NUL characters' : message]);
  });
});

describe('an initial state', () => {
  it('has types, values, addresses and registers', () => {
    const test = readTest(
      'RISCV T\n{ int a=1; uint64_t b; c; [d]=-1; uint8_t e=0x1ff; int *f=&a; g=b; long h = 5;\n' +
        'volatile unsigned int i; atomic_t j = ATOMIC_INIT(3); 0:x5=-1; 0:a0=a; int 1:x6=7; 1:x7=&g }\n' +
        `${threads}exists (a=1)`,
    );
    expect(test.locations.map(({ name, widthBits, initial }) => [name, widthBits, initial])).toEqual([
      ['a', 32, { kind: 'integer', value: 1n }],
      ['b', 64, { kind: 'integer', value: 0n }],
      ['c', 32, { kind: 'integer', value: 0n }],
      ['d', 32, { kind: 'integer', value: 0xffffffffn }],
      ['e', 8, { kind: 'integer', value: 0xffn }],
      ['f', 64, { kind: 'address', location: 0 }],
      ['g', 64, { kind: 'address', location: 1 }],
      ['h', 64, { kind: 'integer', value: 5n }],
      ['i', 32, { kind: 'integer', value: 0n }],
      ['j', 32, { kind: 'integer', value: 3n }],
    ]);
    expect(
      test.threads.map(({ registers, initial }) => initial.map(({ register, value }) => [registers[register], value])),
    ).toEqual([
      [
        ['x5', { kind: 'integer', value: 2n ** 64n - 1n }],
        ['x10', { kind: 'address', location: 0 }],
      ],
      [
        ['x6', { kind: 'integer', value: 7n }],
        ['x7', { kind: 'address', location: 6 }],
      ],
    ]);
  });

  it.each<[string, ...string[]]>([
    ['{ int x[4]; }', '2:7 "x" is an array, which is not modelled'],
    ['{ x=1; x=2; }', '2:8 a second initial value of "x"'],
    ['{ int x; long x; }', '2:15 "x" has 32 bits elsewhere, and 64 here'],
    ['{ 2:x5=1; }', '2:5 no thread P2 in this test'],
    ['{ 0:y5=1; }', '2:5 P0 has no register or variable "y5"'],
    ['{ 0:x5=1; 0:t0=1; }', '2:13 a second initial value of 0:x5'],
    [
      '{ x=; =1; y=1z; }',
      '2:5 expected a number or the name of a location, found ";"',
      '2:7 expected the name of a location or register, found "="',
      '2:13 expected a number or the name of a location, found "1z"',
    ],
  ])('%s is refused', (state, ...messages) => {
    expect(problemTexts(`RISCV T\n${state}\n${threads}exists (0:x5=1)`)).toEqual(messages);
  });
});

describe('a table of threads', () => {
  it('has empty cells, labels alone and labels before instructions', () => {
    const test = readTest(
      'RISCV T\n{}\n P0 | P1 | P2 ;\n j L ||  ;\n | nop | li x5,3 ;\n L: | M: N: li x6,1 | ;\nexists (0:x5=1)',
    );
    expect([0, 1, 2].map((thread) => threadText(test, thread))).toEqual([['if 1 goto 1'], ['x6 = 1'], ['x5 = 3']]);
  });

  it.each<[string, ...string[]]>([
    [' P0 | P2 ;\n', '3:7 expected P1, found "P2"'],
    [' P0 P1 ;\n', '3:2 expected P0, found "P0"'],
    [' P0 | P1 ;\n nop ;\n', '4:2 this row has 1 cell, and there are 2 threads'],
    [' P0 | P1 ;\n nop | nop | nop ;\n', '4:2 this row has 3 cells, and there are 2 threads'],
    [' P0 | P1 ;\n nop | nop \n', '4:8 the row has no ";" at its end'],
    ['', '3:1 expected the threads, such as "P0 | P1 ;", found "exists"'],
  ])('%j is refused', (table, ...messages) => {
    expect(problemTexts(`RISCV T\n{}\n${table}exists (true)`)).toEqual(messages);
  });

  it('has at most 8 threads and 32 registers', () => {
    const names = Array.from({ length: 5000 }, (_, i) => `P${i}`);
    expect(problemTexts(`RISCV T\n{}\n${names.join('|')};\nexists (true)`)).toEqual([
      '3:1 5000 threads; a test may have 8',
    ]);
    const rows = Array.from({ length: 40 }, (_, i) => `int r${i};`);
    expect(problemTexts(`C T\n{}\nP0(int *x) {\n${rows.join(' ')} }\nexists (x=0)`)[0]).toBe(
      '4:283 P0 uses more than 32 registers',
    );
    const functions = Array.from({ length: 9 }, (_, i) => `P${i}(int *x) { }`);
    expect(problemTexts(`C T\n{}\n${functions.join('\n')}\nexists (x=0)`)).toEqual(['11:1 more than 8 threads']);
  });
});

describe('a condition', () => {
  it('reads and before or, and not before both', () => {
    const equals = (thread: number, value: bigint): Proposition => ({
      kind: 'equals',
      left: { kind: 'register', thread, register: 0, text: `${thread}:x5` },
      right: { kind: 'integer', value },
    });
    expect(conditionOf('exists (0:x5=1 /\\ ~1:x5=2 \\/ not (1:x5=0x3) /\\ 0:x5=0 /\\ true)')).toEqual({
      kind: 'or',
      parts: [
        { kind: 'and', parts: [equals(0, 1n), { kind: 'not', of: equals(1, 2n) }] },
        { kind: 'and', parts: [{ kind: 'not', of: equals(1, 3n) }, equals(0, 0n), { kind: 'true' }] },
      ],
    });
  });

  it('compares with what the place can hold', () => {
    const value = (text: string): unknown => conditionOf(`exists (${text})`);
    expect(value('x=-1')).toMatchObject({ right: { value: 0xffffffffn } });
    expect(value('[y]=-1')).toMatchObject({ right: { value: 2n ** 64n - 1n } });
    expect(value('0:x5=x')).toMatchObject({ right: { kind: 'address', location: 0 } });
    expect(value('0:x5=1:x5')).toMatchObject({ right: { kind: 'register', thread: 1, text: '1:x5' } });
    expect(value('[x]=[y]')).toMatchObject({ right: { kind: 'location', location: 1 } });
    expect(value('x!=0')).toMatchObject({ kind: 'not', of: { kind: 'equals' } });
  });

  it.each([
    ['exists (x=1)', 'exists', 'exists (x=1)'],
    ['~exists\n(x=1\n  /\\ y=2)', '~exists', '~exists (x=1 /\\ y=2)'],
    ['not exists (x=1)', '~exists', '~exists (x=1)'],
    ['forall (x=1) (* last *)', 'forall', 'forall (x=1)'],
    ['exists x=1;', 'exists', 'exists (x=1)'],
    ['exists (x=1) \\/ (y=2)', 'exists', 'exists ((x=1) \\/ (y=2))'],
  ])('%j', (text, quantifier, shown) => {
    const { condition } = readTest(`RISCV T\n{ int x; uint64_t y; }\n${threads}${text}\n`);
    expect(condition).toMatchObject({ quantifier, text: shown });
  });

  it('may come with locations to show and a filter', () => {
    const test = readTest(`RISCV T\n{ x; }\n${threads}locations [x; 0:x5;]\nfilter (1:x5=2)\nexists (0:x5=1)`);
    expect(test.observed.map(({ text }) => text)).toEqual(['x', '0:x5']);
    expect(test.filter).toMatchObject({ kind: 'equals', right: { value: 2n } });
  });

  it.each<[string, ...string[]]>([
    ['', '5:1 the file ends without a condition (end it with "exists (...)")'],
    ['exists (x=1', '5:12 expected ")", found the end of the file'],
    ['exists (z=1)', '5:9 no location "z" in this test (did you mean "y"?)'],
    ['exists (2:x5=1)', '5:9 no thread P2 in this test'],
    ['exists (0:z5=1)', '5:11 P0 has no register or variable "z5" (did you mean "x5"?)'],
    ['exists (x=1) exists (x=2)', '5:14 a second condition'],
    ['exists (x=1) y', '5:14 expected exists, ~exists, forall, locations or filter, found "y"'],
    ['exists (x 1)', '5:11 expected "=", found "1"'],
    ['locations [x y] exists (x=1)', '5:14 expected ";" between locations, found "y"'],
  ])('%j is refused', (text, ...messages) => {
    const source = `RISCV T\n{ int x; uint64_t y; }\n${threads}${text}`;
    // "z" is no misspelling of a name of one letter.
    expect(problemTexts(source).map((each) => each.replace(' (did you mean "y"?)', ''))).toEqual(
      messages.map((each) => each.replace(' (did you mean "y"?)', '')),
    );
  });
});

describe('nonsense', () => {
  const deep = 100_000;
  it.each([
    ['brackets in a condition', `RISCV T\n{ x; }\n${threads}exists ${'('.repeat(deep)}x=1`],
    ['negations', `RISCV T\n{ x; }\n${threads}exists ${'~'.repeat(deep)}x=1`],
    ['brackets in C', `C T\n{}\nP0(int *x) { *x = ${'('.repeat(deep)}1; }\nexists (x=1)`],
    ['signs in C', `C T\n{}\nP0(int *x) { *x = ${'-'.repeat(deep)}1; }\nexists (x=1)`],
    ['blocks in C', `C T\n{}\nP0(int *x) ${'{'.repeat(deep)}`],
    ['ifs in C', `C T\n{}\nP0(int *x) { ${'if (1) '.repeat(20_000)} }\nexists (x=1)`],
    ['a long sum in C', `C T\n{}\nP0(int *x) { *x = 1${'+1'.repeat(40_000)}; }\nexists (x=1)`],
    ['calls in C', `C T\n{}\nP0(int *x) { ${'READ_ONCE('.repeat(deep / 10)} }\nexists (x=1)`],
    ['comments', `RISCV T\n${'(*'.repeat(deep)}\n{}`],
    ['quotes', `RISCV T\n${'"'.repeat(deep + 1)}\n{}`],
    ['one long line', `RISCV T\n{ ${'x=1; '.repeat(deep)} }`],
    ['marks', `RISCV T\n{}\n P0 ;\n lw${'.aq'.repeat(deep)}x x5,0(x6) ;\nexists (true)`],
    ['one long word', `RISCV T\n{ ${'x'.repeat(deep * 5)}=1; }\n${threads}exists (x=1)`],
    ['a huge number', `RISCV T\n{ x=${'9'.repeat(deep * 5)}; }\n${threads}exists (x=1)`],
    ['labels', `RISCV T\n{}\n P0 ;\n${Array.from({ length: 20_000 }, (_, i) => `L${i}: ;\n`).join('')}exists (y=1)`],
    ['many instructions', `RISCV T\n{}\n P0 ;\n${'li x5,1 ;\n'.repeat(20_000)}exists (true)`],
    ['a dialect of mistakes', `X86 T\n{}\n P0 ;\n${'frob [x] ;\n'.repeat(20_000)}exists (true)`],
    [
      'many locations',
      `RISCV T\n{ ${Array.from({ length: 10_000 }, (_, i) => `x${i};`).join(' ')} }\n${threads}exists (true)`,
    ],
    ['blanks and number signs', `RISCV T\n{ ${`${' '.repeat(500)}x#`.repeat(1000)} }`],
    ['too much', 'RISCV T\n'.padEnd(1024 * 1024 + 1, '{')],
  ])('such as %s is refused at once', (_, text) => {
    const begin = process.cpuUsage();
    const problems = problemTexts(text);
    const { user, system } = process.cpuUsage(begin);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.length).toBeLessThanOrEqual(100);
    expect((user + system) / 1000).toBeLessThan(2000);
  });
});
