import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readYaml } from '../../../scenarios/format/read-yaml.ts';
import { ScenarioError } from '../../../scenarios/format/scenario-error.ts';
import { toPlain } from '../../../scenarios/format/yaml-node.ts';

const maxMilliseconds = 2000;
const encode = (text: string) => new TextEncoder().encode(text);

/** The first mistake in a text, and how long it took to say so. */
function firstMistake(bytes: Uint8Array): { message: string; line: number; column: number } | undefined {
  const start = performance.now();
  try {
    toPlain(readYaml('x.yaml', bytes).root);
    return undefined;
  } catch (error) {
    if (!(error instanceof ScenarioError)) {
      throw error;
    }
    const [first] = error.diagnostics;
    return first && { message: first.message, line: first.line, column: first.column };
  } finally {
    expect(performance.now() - start).toBeLessThan(maxMilliseconds);
  }
}

function flowOf(depth: number): string {
  return `a: ${'['.repeat(depth)}${']'.repeat(depth)}\n`;
}

describe('deep nesting', () => {
  it('is accepted up to 64 levels and refused at the 65th', () => {
    expect(firstMistake(encode(flowOf(63)))).toBeUndefined();
    expect(firstMistake(encode(flowOf(64)))).toEqual({
      message: 'nested more than 64 levels deep',
      line: 1,
      column: 67,
    });
  });

  it.each([
    ['3 000 brackets', flowOf(3000)],
    ['50 000 brackets', flowOf(50_000)],
    ['50 000 braces', `a: ${'{a: '.repeat(50_000)}`],
    ['50 000 compact lists', `a:\n ${'- '.repeat(50_000)}`],
    ['50 000 explicit keys', '? '.repeat(50_000)],
    ['1 000 indented mappings', Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
    ['a megabyte of brackets', '['.repeat(1024 * 1024)],
  ])('of %s is refused quickly', (_, text) => {
    expect(firstMistake(encode(text))?.message).toBe('nested more than 64 levels deep');
  });

  it('in two documents one after the other does not end the process', () => {
    // Composing these two with yaml 2.9.1 aborts Node 20: "RegExpCompiler Allocation failed", which nothing can catch.
    for (const depth of [2000, 6000, 3000]) {
      expect(firstMistake(encode('['.repeat(depth)))?.message).toBe('nested more than 64 levels deep');
    }
    expect(firstMistake(encode('a: 1\n'))).toBeUndefined();
  });

  it('by way of aliases is refused too', () => {
    const steps = Array.from({ length: 100 }, (_, index) => `a${index + 1}: &a${index + 1} [*a${index}]\n`);
    expect(firstMistake(encode(`a0: &a0 []\n${steps.join('')}`))?.message).toBe('nested more than 64 levels deep');
  });
});

describe('size', () => {
  const keys = (count: number) => Array.from({ length: count }, (_, index) => `key${index}: ${index}\n`).join('');

  it('of 60 000 keys is refused', () => {
    expect(firstMistake(encode(keys(60_000)))?.message).toBe('more than 200000 YAML tokens');
  });

  it('of 20 000 keys is read, duplicates found in linear time', () => {
    expect(firstMistake(encode(keys(20_000)))).toBeUndefined();
    expect(firstMistake(encode(`${keys(20_000)}key7: 1\n`))).toEqual({
      message: 'duplicate key "key7"; first defined at line 8',
      line: 20_001,
      column: 1,
    });
  });

  it('of an alias bomb is refused', () => {
    const level = (name: string, inner: string) => `${name}: &${name} [${Array(9).fill(inner).join(', ')}]\n`;
    const names = [...'abcdefghijkl'];
    const bomb = names.map((name, index) => level(name, index === 0 ? 'x' : `*${names[index - 1]}`)).join('');
    expect(firstMistake(encode(bomb))?.message).toBe('the aliases of this file stand for more than 10000 parts');
  });

  it('of a number of a megabyte is refused', () => {
    expect(firstMistake(encode(`a: ${'9'.repeat(1_000_000)}\n`))?.message).toContain(
      'a number of more than 200 characters',
    );
  });

  it.each(['[', 'a: ', '- ', '\n', '#\n', '"', '&a ', '!a ', '*a ', ',', '? ', '---\n', '%a\n', '|\n', '- a\n', "''"])(
    'of a megabyte of %j stays within the time',
    (atom) => {
      for (const start of ['', 'a: ', 'a: [', 'a:\n  - ']) {
        const text = start + atom.repeat(1024 * 1024);
        firstMistake(encode(text.slice(0, 1024 * 1024)));
      }
    },
  );
});

describe('hostile bytes', () => {
  const good = `title: PASID entry torn down # why
platform:
  memory: x86-tso
  iommu: { model: vtd, fetchOrder: any }
  devices: { nic: { requesterId: "00:02.0" } }
domains:
  a: &a { stage: first, did: 5, map: { 0x1000: page1 } }
  b: *a
tasks:
  - "x\\n": [1, 0xffffffffffffffff, -3, 1.5, ~, true]
  - text: |
      kept
    folded: >-
      away
`;
  const goodBytes = encode(good);
  const onlyScenarioErrors = (bytes: Uint8Array) => {
    try {
      toPlain(readYaml('x.yaml', bytes).root);
    } catch (error) {
      expect(error).toBeInstanceOf(ScenarioError);
    }
  };
  const snippet = fc.constantFrom(
    ...'[]{}:,-?#&*!|>\'"%@`\n\t \\$~<0x1_',
    '<<: ',
    '*a',
    '&a ',
    '!!',
    '---\n',
    '\r\n',
    '\ufeff',
  );
  const mutation = fc.record({
    at: fc.nat(goodBytes.length),
    drop: fc.nat(12),
    insert: fc.oneof(
      fc.array(snippet, { maxLength: 6 }).map((parts) => encode(parts.join(''))),
      fc.uint8Array({ maxLength: 6 }),
      fc.nat(goodBytes.length - 40).map((from) => goodBytes.slice(from, from + 40)),
    ),
  });

  it('reads the document that is mutated below', () => {
    expect(firstMistake(goodBytes)).toBeUndefined();
  });

  it('of 2 000 mutations of a good document give a ScenarioError or a tree', () => {
    const mutated = fc
      .array(mutation, { minLength: 1, maxLength: 6 })
      .map((mutations) =>
        mutations.reduce<readonly number[]>(
          (bytes, { at, drop, insert }) => [...bytes.slice(0, at), ...insert, ...bytes.slice(at + drop)],
          [...goodBytes],
        ),
      );
    fc.assert(
      fc.property(mutated, (bytes) => onlyScenarioErrors(Uint8Array.from(bytes))),
      { numRuns: 2000, seed: 1 },
    );
  });

  it('at random give a ScenarioError or a tree', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), onlyScenarioErrors), { numRuns: 2000, seed: 2 });
    const words = fc.array(snippet, { maxLength: 60 }).map((parts) => encode(parts.join('')));
    fc.assert(fc.property(words, onlyScenarioErrors), { numRuns: 2000, seed: 3 });
  });
});
