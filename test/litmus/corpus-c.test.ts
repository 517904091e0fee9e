import { describe, expect, it } from 'vitest';
import { c } from '../support/litmus-corpus/c.ts';
import { corpusSuite, explore, readTest } from '../support/litmus-corpus/corpus-suite.ts';
import { readVerdicts } from '../support/litmus-corpus/verdicts.ts';

corpusSuite({
  architecture: 'c',
  dialect: c,
  model: 'portable',
  wrongModel: 'x86-tso',
  count: 198,
  handWrittenCount: 0,
});

describe('the model non-mca', () => {
  const published = Object.entries(readVerdicts('c').tests);

  it('has no outcome that the kernel memory model forbids', () => {
    const forbidden = published.filter(([, { verdict }]) => verdict === 'Never');
    const found = forbidden.filter(([name]) => explore(readTest('c', name), 'non-mca').verdict !== 'Never');
    expect(found.map(([name]) => name)).toEqual([]);
  });

  it('has the outcomes of stores that other CPUs see one by one', () => {
    const allowed = published.filter(([, { multiCopyAtomic }]) => multiCopyAtomic === 'seen-one-by-one');
    const missed = allowed.filter(([name]) => explore(readTest('c', name), 'non-mca').verdict !== 'Sometimes');
    expect(missed.map(([name]) => name)).toEqual([]);
  });
});
