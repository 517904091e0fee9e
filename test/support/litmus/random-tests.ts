import fc from 'fast-check';
import type { Architecture, Expression, LitmusTest } from '../../../litmus/program.ts';
import {
  type Fence,
  fenceOf,
  type LoadOrder,
  type RmwOrder,
  type StoreOrder,
} from '../../../models/memory/access-order.ts';
import type { BarrierName } from '../../../models/memory/barriers.ts';
import {
  barrier,
  dependentOn,
  exchange,
  fenceStep,
  fetchAdd,
  fullRmw,
  load,
  loadReserved,
  plainRmw,
  program,
  register,
  type Step,
  store,
  storeConditional,
  valueOn,
} from './programs.ts';

/*
 * Random litmus tests: short threads over few locations, made of what one architecture has. Every constant stored is
 * another one, so that a final state says who read from whom. A thread is drawn as a list of small records and then
 * written out, so that a failing test shrinks to few and simple instructions.
 */

type Kind = 'load' | 'store' | 'fence' | 'exchange' | 'add' | 'compare' | 'discard' | 'load-reserved' | 'conditional';

interface Draw {
  readonly kind: Kind;
  readonly location: number;
  /** How it depends on an earlier load: `skip` stands behind a branch that may jump over it. */
  readonly dependency: 'none' | 'address' | 'data' | 'control' | 'skip';
  /** Which earlier register that is, from the newest. */
  readonly back: number;
  /** Picks among the orders or fences of the architecture. */
  readonly order: number;
}

interface Alphabet {
  readonly kinds: readonly Kind[];
  readonly loads: readonly LoadOrder[];
  readonly stores: readonly StoreOrder[];
  readonly updates: readonly RmwOrder[];
  readonly fences: readonly Step[];
}

const orders = (load: LoadOrder, store: StoreOrder): RmwOrder => ({ load, store, isFull: false });
const rcsc = [
  plainRmw,
  orders('acquire-rcsc', 'relaxed'),
  orders('relaxed', 'release-rcsc'),
  orders('acquire-rcsc', 'release-rcsc'),
];
const fences = (...list: readonly Fence[]): readonly Step[] => list.map(fenceStep);
const named = (...names: readonly BarrierName[]): readonly Step[] => names.map(barrier);

const alphabets: Readonly<Record<Architecture, Alphabet>> = {
  x86: {
    kinds: ['load', 'load', 'store', 'store', 'fence', 'exchange', 'add', 'compare'],
    loads: ['relaxed'],
    stores: ['relaxed'],
    updates: [fullRmw],
    fences: fences(fenceOf(3, 3)),
  },
  riscv: {
    kinds: [
      'load',
      'load',
      'load',
      'store',
      'store',
      'store',
      'fence',
      'exchange',
      'add',
      'load-reserved',
      'conditional',
    ],
    loads: ['relaxed'],
    stores: ['relaxed'],
    updates: rcsc,
    fences: fences(
      fenceOf(3, 3),
      fenceOf(1, 1),
      fenceOf(2, 2),
      fenceOf(1, 3),
      fenceOf(3, 2),
      fenceOf(2, 1),
      fenceOf(1, 2),
      { read: 3, write: 2, input: 0, output: 0 },
    ),
  },
  aarch64: {
    kinds: [
      'load',
      'load',
      'load',
      'store',
      'store',
      'store',
      'fence',
      'exchange',
      'add',
      'discard',
      'load-reserved',
      'conditional',
    ],
    loads: ['relaxed', 'acquire-rcsc', 'acquire'],
    stores: ['relaxed', 'release-rcsc'],
    updates: rcsc,
    fences: [...fences(fenceOf(3, 3), fenceOf(1, 3), fenceOf(2, 2)), { op: 'context-sync' }],
  },
  c: {
    kinds: ['load', 'load', 'load', 'store', 'store', 'store', 'fence', 'exchange', 'add', 'discard', 'compare'],
    loads: ['relaxed', 'acquire'],
    stores: ['relaxed', 'release'],
    updates: [plainRmw, orders('acquire', 'relaxed'), orders('relaxed', 'release'), fullRmw],
    fences: named('smp_mb', 'smp_wmb', 'smp_rmb'),
  },
};

/** Each read-modify-write is a read and a write: more of them in one test, and the axioms take too long. */
const mostUpdates = 3;
const plain: ReadonlySet<Kind> = new Set(['load', 'store', 'fence']);

/** Two threads of up to four steps, or three of up to three. */
export function randomTest(architecture: Architecture): fc.Arbitrary<LitmusTest> {
  const draw: fc.Arbitrary<Draw> = fc.record({
    kind: fc.constantFrom(...alphabets[architecture].kinds),
    location: fc.nat({ max: 2 }).map((location) => (location === 2 ? 0 : location)),
    dependency: fc.constantFrom('none', 'none', 'address', 'data', 'control', 'skip'),
    back: fc.nat({ max: 1 }),
    order: fc.nat({ max: 7 }),
  });
  const threads = (count: number, steps: number) =>
    fc.array(fc.array(draw, { minLength: 1, maxLength: steps }), { minLength: count, maxLength: count });
  return fc.oneof(threads(2, 4), threads(3, 3)).map((drawn) => written(architecture, drawn));
}

function written(architecture: Architecture, drawn: readonly (readonly Draw[])[]): LitmusTest {
  let constant = 0;
  let updates = 0;
  const threads = drawn.map((draws) => {
    const steps: Step[] = [];
    const results: number[] = [];
    for (const draw of draws) {
      constant += 1;
      updates += plain.has(draw.kind) ? 0 : 1;
      const kind = updates <= mostUpdates || plain.has(draw.kind) ? draw.kind : 'load';
      steps.push(...writtenStep(alphabets[architecture], { ...draw, kind }, { at: steps.length, results, constant }));
    }
    return steps;
  });
  return program(`random ${architecture}`, architecture, threads);
}

interface Place {
  readonly at: number;
  /** Registers that hold results so far. */
  readonly results: number[];
  readonly constant: number;
}

function writtenStep(alphabet: Alphabet, draw: Draw, { at, results, constant }: Place): readonly Step[] {
  const source = results.at(-1 - Math.min(draw.back, results.length - 1));
  const dependency = source === undefined ? 'none' : draw.dependency;
  const address: number | Expression =
    dependency === 'address' ? dependentOn(source as number, draw.location) : draw.location;
  const value: number | Expression = dependency === 'data' ? valueOn(source as number, constant) : constant;
  const pick = <T>(list: readonly T[]): T => list[draw.order % list.length] as T;
  const result = (): number => {
    results.push(results.length);
    return results.length - 1;
  };
  const step = (): Step => {
    switch (draw.kind) {
      case 'load':
        return load(result(), address, pick(alphabet.loads));
      case 'store':
        return store(address, value, pick(alphabet.stores));
      case 'fence':
        return pick(alphabet.fences);
      case 'exchange':
        return exchange(address, value, { into: result(), order: pick(alphabet.updates) });
      case 'add':
        return fetchAdd(address, value, { into: result(), order: pick(alphabet.updates) });
      case 'discard':
        return fetchAdd(address, value, { order: plainRmw });
      case 'compare':
        return exchange(address, value, { into: result(), order: pick(alphabet.updates), expected: 0 });
      case 'load-reserved':
        return loadReserved(result(), address, pick(alphabet.updates).load);
      case 'conditional':
        return storeConditional(result(), address, value, pick(alphabet.updates).store);
    }
  };
  const made = step();
  if (dependency !== 'control' && dependency !== 'skip') {
    return [made];
  }
  const skipped = dependency === 'skip' ? 1 : 0;
  return [{ op: 'branch', condition: register(source as number), target: at + 1 + skipped }, made];
}

/** A test as few lines, for a message. */
export function listing(test: LitmusTest): string {
  return test.threads
    .map(({ instructions }, t) => `P${t}: ${instructions.map((one) => instructionText(test, one)).join('; ')}`)
    .join('\n');
}

function instructionText(test: LitmusTest, instruction: LitmusTest['threads'][number]['instructions'][number]): string {
  const { line: _, op, ...rest } = instruction;
  const parts = Object.entries(rest).flatMap(([key, value]) =>
    key === 'widthBits' ? [] : [partText(test, key, value)],
  );
  return `${op} ${parts.join(' ')}`;
}

function partText(test: LitmusTest, key: string, value: unknown): string {
  if (typeof value === 'object' && value !== null && 'kind' in value) {
    return `${key}=${expressionText(test, value as Expression)}`;
  }
  return `${key}=${JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? Number(part) : part))}`;
}

function expressionText(test: LitmusTest, expression: Expression): string {
  switch (expression.kind) {
    case 'integer':
      return `${expression.value}`;
    case 'address':
      return `&${test.locations[expression.location]?.name}`;
    case 'register':
      return `r${expression.register}`;
    case 'old':
      return 'old';
    case 'extend':
      return `${expression.signed ? 's' : 'u'}${expression.widthBits}(${expressionText(test, expression.of)})`;
    case 'binary':
      return `(${expressionText(test, expression.left)} ${expression.operator} ${expressionText(test, expression.right)})`;
  }
}
