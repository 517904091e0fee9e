import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../cli/exit-codes.ts';
import { CliWorld } from './cli-world.ts';

const world = new CliWorld();
afterAll(() => world.remove());

const sb = `X86 SB
{ }
 P0          | P1          ;
 MOV [x],$1  | MOV [y],$1  ;
 MOV EAX,[y] | MOV EAX,[x] ;
exists (0:EAX=0 /\\ 1:EAX=0)
`;

const mp = `RISCV MP+fence.w.w+fence.r.r
{ 0:x5=1; 0:x6=x; 0:x7=y; 1:x6=x; 1:x7=y; }
 P0         | P1          ;
 sw x5,0(x6) | lw x8,0(x7) ;
 fence w,w   | fence r,r   ;
 sw x5,0(x7) | lw x9,0(x6) ;
~exists (1:x8=1 /\\ 1:x9=0)
`;

const pointer = `C pointer
{ int *p = x; }
P0(int **p, int *y) { WRITE_ONCE(*p, y); }
P1(int **p, int *x) { int *r0; int r1; r0 = READ_ONCE(*p); r1 = READ_ONCE(*r0); WRITE_ONCE(*x, -1); }
forall (1:r1=0)
`;

/** Safe with acquire loads where stores reach all CPUs at once, and only there. */
const iriw = `C IRIW+acquires
{ }
P0(int *x) { WRITE_ONCE(*x, 1); }
P1(int *x, int *y) { int r0; int r1; r0 = smp_load_acquire(x); r1 = READ_ONCE(*y); }
P2(int *y) { WRITE_ONCE(*y, 1); }
P3(int *x, int *y) { int r0; int r1; r0 = smp_load_acquire(y); r1 = READ_ONCE(*x); }
exists (1:r0=1 /\\ 1:r1=0 /\\ 3:r0=1 /\\ 3:r1=0)
`;

const isa = `AArch64 LB+rel
{ 0:X1=x; 0:X3=y; 1:X1=y; 1:X3=x; }
 P0           | P1           ;
 LDR W0,[X1]  | LDR W0,[X1]  ;
 MOV W2,#1    | MOV W2,#1    ;
 STLR W2,[X3] | STLR W2,[X3] ;
exists (0:X0=1 /\\ 1:X0=1)
`;

/** Far more states than one slice of a search goes through. */
const large = `X86 large
{ }
 P0          | P1          | P2          | P3          ;
 MOV [a],$1  | MOV [b],$1  | MOV [c],$1  | MOV [d],$1  ;
 MOV [b],$2  | MOV [c],$2  | MOV [d],$2  | MOV [a],$2  ;
 MOV [c],$3  | MOV [d],$3  | MOV [a],$3  | MOV [b],$3  ;
 MOV EAX,[d] | MOV EAX,[a] | MOV EAX,[b] | MOV EAX,[c] ;
 MOV EBX,[c] | MOV EBX,[d] | MOV EBX,[a] | MOV EBX,[b] ;
exists (0:EAX=0 /\\ 1:EAX=0 /\\ 2:EAX=0 /\\ 3:EAX=0 /\\ 0:EBX=1 /\\ 1:EBX=1)
`;

const broken = `RISCV broken
{ 0:x6=x; }
 P0 ;
 lz x5,0(x6) ;
 sw x5,0(x6 ;
exists (x=0)
`;

const files = {
  sb: world.write('one/SB.litmus', sb),
  mp: world.write('one/MP.litmus', mp),
  pointer: world.write('one/pointer.litmus', pointer),
  iriw: world.write('one/iriw.litmus', iriw),
};

describe('litmus of a few files', () => {
  it('prints what herd prints', async () => {
    const { exitCode, stdout, stderr } = await world.run(['litmus', files.sb, files.mp]);
    expect(stdout).toBe(`Test SB Allowed
States 4
0:EAX=0; 1:EAX=0;
0:EAX=0; 1:EAX=1;
0:EAX=1; 1:EAX=0;
0:EAX=1; 1:EAX=1;
Ok
Witnesses
Positive: 1 Negative: 3
Condition exists (0:EAX=0 /\\ 1:EAX=0)
Observation SB Sometimes 1 3

Test MP+fence.w.w+fence.r.r Forbidden
States 3
1:x8=0; 1:x9=0;
1:x8=0; 1:x9=1;
1:x8=1; 1:x9=1;
Ok
Witnesses
Positive: 0 Negative: 3
Condition ~exists (1:x8=1 /\\ 1:x9=0)
Observation MP+fence.w.w+fence.r.r Never 0 3
`);
    expect([exitCode, stderr]).toEqual([exitCodes.asExpected, '']);
  });

  it('names locations whose addresses are values, and shows signs', async () => {
    const text = pointer.replace('forall', 'locations [1:r0; x]\nforall');
    const { stdout } = await world.run(['litmus', world.write('signs/pointer.litmus', text)]);
    expect(stdout).toBe(`Test pointer Required
States 2
1:r0=x; 1:r1=0; x=-1;
1:r0=y; 1:r1=0; x=-1;
Ok
Witnesses
Positive: 2 Negative: 0
Condition forall (1:r1=0)
Observation pointer Always 2 0
`);
  });

  it('says No where the condition asks for something else', async () => {
    const text = mp.replace('~exists', 'exists');
    const { exitCode, stdout } = await world.run(['litmus', world.write('no/MP.litmus', text)]);
    expect(stdout).toContain('\nNo\nWitnesses\nPositive: 0 Negative: 3\n');
    // A test is a question, and it was answered.
    expect(exitCode).toBe(exitCodes.asExpected);
  });

  it('runs assembly on a machine in order too, and C on the machine that is asked for', async () => {
    const inOrder = await world.run(['litmus', files.sb, '--arch', 'sc']);
    expect(inOrder.stdout).toContain('Observation SB Never 0 3\n');
    const plain = `C MP
{ }
P0(int *x, int *y) { WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1); }
P1(int *x, int *y) { int r0; int r1; r0 = READ_ONCE(*y); r1 = READ_ONCE(*x); }
exists (1:r0=1 /\\ 1:r1=0)
`;
    const file = world.write('c/MP.litmus', plain);
    const verdictOn = async (...arch: readonly string[]): Promise<string | undefined> =>
      /Observation MP (\w+)/.exec((await world.run(['litmus', file, ...arch])).stdout)?.[1];
    expect([await verdictOn(), await verdictOn('--arch', 'x86-tso'), await verdictOn('--arch', 'armv8')]).toEqual([
      'Sometimes',
      'Never',
      'Sometimes',
    ]);
  });

  it('warns of what is only safe where stores reach all CPUs at once', async () => {
    const { exitCode, stdout } = await world.run(['litmus', files.iriw]);
    expect(stdout).toContain(`Observation IRIW+acquires Never 0 15
Warning: safe on x86, Armv8 and RISC-V, whose stores reach all CPUs at once; the kernel's own model
  does not promise that: 1:r0=1; 1:r1=0; 3:r0=1; 3:r1=0;
`);
    expect(exitCode).toBe(exitCodes.asExpected);
    expect((await world.run(['litmus', files.iriw, '--arch', 'armv8'])).stdout).not.toContain('Warning');
  });
});

describe('litmus of a folder', () => {
  it('prints a line for each test, by the code units of the names of files, and the same bytes each time', async () => {
    const expected = `test                   arch   model    states verdict
MP+fence.w.w+fence.r.r RISC-V rvwmo         3 Never
SB                     x86    x86-tso       4 Sometimes
IRIW+acquires          C      portable     15 Never
  warning: safe on x86, Armv8 and RISC-V, whose stores reach all CPUs at once; the kernel's own
    model does not promise that: 1:r0=1; 1:r1=0; 3:r0=1; 3:r1=0;
pointer                C      portable      1 Always

4 tests: 2 Never, 1 Sometimes, 1 Always; 1 warning
`;
    const first = await world.run(['litmus', world.path('one')]);
    const again = await world.run(['litmus', `${world.path('one')}/`]);
    expect(first).toEqual({ exitCode: exitCodes.asExpected, stdout: expected, stderr: '' });
    expect(again.stdout).toBe(first.stdout);
  });

  it('spells every test out if that is asked for', async () => {
    const { stdout } = await world.run(['litmus', world.path('one'), '--verbose']);
    expect([...stdout.matchAll(/^Observation .*$/gm)].map(([line]) => line)).toEqual([
      'Observation MP+fence.w.w+fence.r.r Never 0 3',
      'Observation SB Sometimes 1 3',
      'Observation IRIW+acquires Never 0 15',
      'Observation pointer Always 1 0',
    ]);
  });

  it('runs what it can read and says of the rest where the mistakes are', async () => {
    const file = world.write('mixed/broken.litmus', broken);
    world.write('mixed/SB.litmus', sb);
    world.write('mixed/deep/LB.litmus', isa);
    world.write('mixed/notes.txt', 'not a test');
    const bytes = world.write('mixed/bytes.litmus', new Uint8Array([0xff, 0xfe, 0x41]));
    const narrow = world.write('mixed/narrow.litmus', mp.replace('lw x9', 'lb x9'));
    const { exitCode, stdout, stderr } = await world.run(['litmus', world.path('mixed')]);
    expect(stdout).toBe(`test   arch    model   states verdict
SB     x86     x86-tso      4 Sometimes
LB+rel AArch64 armv8        3 Never

2 tests: 1 Never, 1 Sometimes; 3 files refused
`);
    expect(stderr).toBe(`${file}:4:2: error: unknown instruction "lz"
    4 |  lz x5,0(x6) ;
      |  ^~
  hint: did you mean "la"?
${file}:5:13: error: expected ")", found ";" already
    5 |  sw x5,0(x6 ;
      |             ^
tornread: error: ${bytes}: not a text file: it is not valid UTF-8
${narrow}:6:2: error: not modelled: an access of 8 bits
    6 |  sw x5,0(x7) | lb x9,0(x6) ;
      |  ^~~~~~~~~~~~~~~~~~~~~~~~~~~
`);
    expect(exitCode).toBe(exitCodes.invalidInput);
  });
});

describe('the examples of docs/litmus.md', () => {
  const docs = readFileSync(new URL('../../docs/litmus.md', import.meta.url), 'utf8');

  it('are what is printed', async () => {
    expect(docs).toContain(`litmus SB.litmus\n${(await world.run(['litmus', files.sb])).stdout}\`\`\`\n`);
    for (const [name, text] of [
      ['MP', mp],
      ['SB', sb],
      ['iriw', iriw],
    ] as const) {
      world.write(`docs/${name}.litmus`, text);
    }
    expect(docs).toContain(`litmus tests/\n${(await world.run(['litmus', world.path('docs')])).stdout}\`\`\`\n`);
    const file = world.write('docs/broken.txt', broken);
    const { stderr } = await world.run(['litmus', file]);
    const [first = ''] = stderr.split(/(?<=\?\n)/);
    expect(docs).toContain(`litmus broken.litmus\n${first.replace(file, 'broken.litmus')}\`\`\`\n`);
  });
});

describe('litmus --json', () => {
  it('prints one document', async () => {
    const { exitCode, stdout } = await world.run(['litmus', files.sb, files.pointer, '--json']);
    expect(JSON.parse(stdout)).toEqual({
      schema: 1,
      results: [
        {
          name: 'SB',
          file: files.sb,
          arch: 'x86-tso',
          states: [
            { '0:EAX': 0, '1:EAX': 0 },
            { '0:EAX': 0, '1:EAX': 1 },
            { '0:EAX': 1, '1:EAX': 0 },
            { '0:EAX': 1, '1:EAX': 1 },
          ],
          condition: 'exists (0:EAX=0 /\\ 1:EAX=0)',
          verdict: 'Sometimes',
          complete: true,
        },
        {
          name: 'pointer',
          file: files.pointer,
          arch: 'portable',
          states: [{ '1:r1': 0 }],
          condition: 'forall (1:r1=0)',
          verdict: 'Always',
          complete: true,
        },
      ],
    });
    expect(exitCode).toBe(exitCodes.asExpected);
  });

  it('lists what could not be read', async () => {
    const file = world.write('json/broken.litmus', broken);
    const missing = world.path('json/missing.litmus');
    const { exitCode, stdout } = await world.run(['litmus', file, missing, '--json']);
    expect(JSON.parse(stdout)).toEqual({
      schema: 1,
      results: [],
      errors: [
        { file: missing, line: 0, column: 0, message: 'no such file or folder', hint: null },
        { file, line: 4, column: 2, message: 'unknown instruction "lz"', hint: 'did you mean "la"?' },
        { file, line: 5, column: 13, message: 'expected ")", found ";" already', hint: null },
      ],
    });
    expect(exitCode).toBe(exitCodes.invalidInput);
  });
});

describe('litmus ends with', () => {
  it('2 for a machine on which a test means nothing', async () => {
    const { exitCode, stdout, stderr } = await world.run(['litmus', files.mp, files.sb, '--arch', 'rvwmo']);
    expect([exitCode, stdout]).toEqual([exitCodes.usage, '']);
    expect(stderr).toBe(
      `tornread: error: --arch rvwmo is for tests in C; ${files.sb} is one of x86, which runs as x86-tso or sc\n`,
    );
  });

  it.each([[['litmus']], [['litmus', 'x.litmus', '--arch', 'power']], [['litmus', 'x.litmus', '--max-states', '0']]])(
    '2 for %j',
    async (argv) => {
      expect((await world.run(argv)).exitCode).toBe(exitCodes.usage);
    },
  );

  it('4 for a search that came to its limit', async () => {
    const file = world.write('large/large.litmus', large);
    const text = await world.run(['litmus', file, '--max-states', '500']);
    expect(text.exitCode).toBe(exitCodes.inconclusive);
    expect(text.stdout).toMatch(/\nIncomplete: the search ended at its limit of \d+ states of the machine; /);
    const table = await world.run(['litmus', world.path('large'), '--max-states', '500']);
    expect(table.stdout).toMatch(/^large x86 {2}x86-tso +\d+ \w+, incomplete$/m);
    expect(table.stdout).toMatch(/; 1 incomplete\n$/);
    const json = await world.run(['litmus', file, '--max-states', '500', '--json']);
    expect(JSON.parse(json.stdout).results[0].complete).toBe(false);
  });

  it('5 where there is nothing to run', async () => {
    world.write('empty/notes.txt', '');
    const { exitCode, stdout, stderr } = await world.run(['litmus', world.path('empty')]);
    expect([exitCode, stdout, stderr]).toEqual([
      exitCodes.nothingRan,
      '',
      'tornread: error: no litmus test was found\n',
    ]);
  });

  it('130 when it is interrupted, in the middle of a search too', async () => {
    const file = world.write('large/large.litmus', large);
    const interruption: { signal: 'SIGINT' | undefined } = { signal: undefined };
    setTimeout(() => {
      interruption.signal = 'SIGINT';
    }, 50);
    const { exitCode, stdout } = await world.run(['litmus', files.sb, file], { interruption });
    expect(exitCode).toBe(exitCodes.SIGINT);
    expect(stdout).not.toContain('Test large');
    const json = await world.run(['litmus', file, '--json'], { interruption });
    expect(JSON.parse(json.stdout)).toEqual({ schema: 1, results: [], interrupted: true });
  });
});
