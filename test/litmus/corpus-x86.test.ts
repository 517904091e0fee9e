import { describe, expect, it } from 'vitest';
import { corpusSuite, explore, readTest } from '../support/litmus-corpus/corpus-suite.ts';
import { readVerdicts } from '../support/litmus-corpus/verdicts.ts';
import { x86 } from '../support/litmus-corpus/x86.ts';

corpusSuite({
  architecture: 'x86',
  dialect: x86,
  model: 'x86-tso',
  wrongModel: 'sc',
  count: 183,
  handWrittenCount: 9,
});

describe('a verdict read off a published number of states', () => {
  const counted = Object.entries(readVerdicts('x86').tests).filter(([, { source }]) => source === 'states');

  it.each(counted)('%s has its outcome if it has one state more than under sc', (name, { verdict, states = 0 }) => {
    const sequential = explore(readTest('x86', name), 'sc');
    expect(sequential.verdict).toBe('Never');
    expect(states > sequential.states.length).toBe(verdict === 'Sometimes');
  });
});
