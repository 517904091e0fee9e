import { describe, expect, it } from 'vitest';
import { c } from '../support/litmus-corpus/c.ts';
import { corpusSuite, explore, readTest } from '../support/litmus-corpus/corpus-suite.ts';
import { readVerdicts } from '../support/litmus-corpus/verdicts.ts';

corpusSuite({
  architecture: 'c',
  dialect: c,
  model: 'portable',
  wrongModel: 'x86-tso',
  count: 215,
  handWrittenCount: 17,
});

const published = Object.entries(readVerdicts('c').tests);

describe('what the kernel memory model forbids', () => {
  const forbidden = published.filter(([, { verdict }]) => verdict === 'Never');

  // Of these, portable is tested above.
  it.each(['x86-tso', 'rvwmo', 'armv8', 'non-mca'] as const)('is impossible under %s', (model) => {
    const found = forbidden.filter(([name]) => explore(readTest('c', name), model).verdict !== 'Never');
    expect(found.map(([name]) => name)).toEqual([]);
  });
});

describe('the model non-mca', () => {
  it('has the outcomes of stores that other CPUs see one by one', () => {
    const allowed = published.filter(([, { multiCopyAtomic }]) => multiCopyAtomic === 'seen-one-by-one');
    const missed = allowed.filter(([name]) => explore(readTest('c', name), 'non-mca').verdict !== 'Sometimes');
    expect(missed.map(([name]) => name)).toEqual([]);
  });
});
