import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exploreLitmus } from '../../litmus/explore-litmus.ts';
import { parseLitmus } from '../../litmus/parse-litmus.ts';
import type { LitmusTest } from '../../litmus/program.ts';
import { UnmodelledInTest } from '../../litmus/unmodelled.ts';
import type { MemoryModelName } from '../../models/memory/memory-model.ts';

/** One test of each dialect with most of what a text can have. */
const seeds: readonly string[] = [
  'RISCV A\n"title"\n{ int x=1; 0:x5=1; 0:x6=x; }\n P0 | P1 ;\n amoswap.w.aq.rl x0,x5,(x6) | lr.w x7,0(x6) ;\n' +
    ' fence rw,rw | bne x5,x0,L ;\n sw x5,0(x6) | L: sc.w x8,x7,(x6) ;\nlocations [x;]\nexists (0:x5=1 /\\ ~x=0x2)\n',
  'X86 B\n{ x; 0:rbx=y; }\n P0 | P1 ;\n MOV [x],$1 | LOCK XADD [y],EAX ;\n movl (%rbx),%ecx | CMP EAX,$-1 ;\n' +
    ' MFENCE | JNE L ;\n XCHG [RBX],ECX | L: MOV EAX,[x] ;\n~exists (0:ECX=0 \\/ 1:EAX=0)\n',
  'AArch64 C\n{ 0:X1=x; 1:X1=x; }\n P0 | P1 ;\n LDAR W0,[X1] | LDR W0,[X1,W2,SXTW #2] ;\n DMB ISHLD | CBNZ W0,L ;\n' +
    ' CASAL W0,W2,[X1] | L: STLXR W3,W0,[X1] ;\nfilter (0:X0=1)\nforall (1:X3=0)\n',
  'C D\n\n(* comment *)\n{ int *p = x; atomic_t a = ATOMIC_INIT(1); }\nP0(int *x, int **p, atomic_t *a) // one\n{\n' +
    '  int r0; int *q;\n  q = rcu_dereference(*p);\n  r0 = READ_ONCE(*q) + 2;\n  if (r0 == 1 && *x) { smp_mb(); } else\n' +
    '    r0 = atomic_add_return(r0, a);\n}\nP1(int *x) { WRITE_ONCE(*x, 1); }\nexists (0:r0=1)\n',
];

/** Words that turn a text into another one of the kind. */
const pieces = (
  '( ) [ ] { } ; : | , = == != & && * *x -1 0x 0xffffffffffffffffff 99999999999999999999999999 /\\ \\/ ~ not exists ' +
  'forall locations filter P0 P1 P9 L: lw sw fence amoadd.w MOV LOCK LDR STR if else while int u64 struct r0 x x5 X31 ' +
  '(* *) /* */ // " \n \t \0 \u202e # $ % @ READ_ONCE( atomic_inc( .aq .rl << ++'
).split(' ');

const mutation = fc.record({
  seed: fc.integer({ min: 0, max: seeds.length - 1 }),
  edits: fc.array(
    fc.record({
      at: fc.integer({ min: 0, max: 700 }),
      drop: fc.integer({ min: 0, max: 40 }),
      piece: fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 6 })),
    }),
    { minLength: 1, maxLength: 6 },
  ),
  end: fc.oneof({ weight: 4, arbitrary: fc.constant(10_000) }, fc.integer({ min: 0, max: 700 })),
});

/** A word put in place of another one, so that more of the texts stay right. */
const mild = fc.record({
  seed: fc.integer({ min: 0, max: seeds.length - 1 }),
  edits: fc.array(
    fc.record({
      at: fc.integer({ min: 0, max: 400 }),
      drop: fc.integer({ min: 0, max: 2 }),
      piece: fc.constantFrom('0', '1', '2', '4', 'x', 'y', 'W', ' ', '.d', '.aq', 'A', 'L', '-', '+', '0x8'),
    }),
    { minLength: 1, maxLength: 2 },
  ),
});

function mutated({ seed, edits, end }: { seed: number; edits: readonly Edit[]; end: number }): string {
  const text = edits.reduce(
    (before, { at, drop, piece }) => `${before.slice(0, at)}${piece}${before.slice(at + drop)}`,
    seeds[seed] ?? '',
  );
  return text.slice(0, end);
}

interface Edit {
  readonly at: number;
  readonly drop: number;
  readonly piece: string;
}

const models = { x86: 'x86-tso', riscv: 'rvwmo', aarch64: 'armv8', c: 'portable' } as const;

function modelOf({ architecture }: LitmusTest): MemoryModelName {
  return models[architecture];
}

/** What holds of every answer: a test that can be run as it is, or mistakes that have their places in the text. */
function check(text: string): 'read' | 'refused' {
  const read = parseLitmus(text, 'fuzz.litmus');
  if ('problems' in read) {
    const lines = text.split('\n');
    expect(read.problems.length).toBeGreaterThan(0);
    for (const { line, column, endColumn, message } of read.problems) {
      expect(message).not.toBe('');
      if (line === 0) continue;
      expect(line).toBeLessThanOrEqual(lines.length);
      expect(column).toBeGreaterThanOrEqual(1);
      expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1);
      expect(endColumn).toBeGreaterThan(column);
    }
    return 'refused';
  }
  for (const { registers, instructions } of read.test.threads) {
    expect(registers.length).toBeLessThanOrEqual(32);
    for (const [i, instruction] of instructions.entries()) {
      if (instruction.op !== 'branch') continue;
      expect(instruction.target).toBeGreaterThan(i);
      expect(instruction.target).toBeLessThanOrEqual(instructions.length);
    }
  }
  return 'read';
}

describe('a text of any kind', () => {
  it('is one of four that are right', () => {
    expect(seeds.map(check)).toEqual(['read', 'read', 'read', 'read']);
  });

  it('is read or refused, and never more than that', () => {
    const counts = { read: 0, refused: 0 };
    const begin = process.cpuUsage();
    fc.assert(
      fc.property(mutation, (each) => {
        counts[check(mutated(each))] += 1;
      }),
      { numRuns: 5000, seed: 7 },
    );
    const { user, system } = process.cpuUsage(begin);
    // Both have to be met, or the mutations are of no use.
    expect(counts.read).toBeGreaterThan(50);
    expect(counts.refused).toBeGreaterThan(2000);
    expect((user + system) / 1000).toBeLessThan(30_000);
  }, 120_000);

  it('that is read can be run, or has something that is not modelled', () => {
    let ran = 0;
    fc.assert(
      fc.property(mild, (each) => {
        const read = parseLitmus(mutated({ ...each, end: Number.POSITIVE_INFINITY }), 'fuzz.litmus');
        if ('problems' in read) return;
        try {
          exploreLitmus(read.test, modelOf(read.test), { maxStates: 1 });
          ran += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(UnmodelledInTest);
        }
      }),
      { numRuns: 600, seed: 11 },
    );
    expect(ran).toBeGreaterThan(20);
  }, 120_000);

  it('may end anywhere', () => {
    for (const seed of seeds) {
      for (let end = 0; end < seed.length; end += 1) check(seed.slice(0, end));
    }
  }, 60_000);
});

describe('the shipped corpus', () => {
  const root = fileURLToPath(new URL('../../litmus/corpus', import.meta.url));
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.litmus'));

  it('is read without a complaint', () => {
    expect(files.length).toBeGreaterThan(100);
    for (const file of files) {
      const read = parseLitmus(readFileSync(join(root, file), 'utf8'), file);
      expect('test' in read ? [] : [file, read.problems]).toEqual([]);
    }
  }, 60_000);
});
