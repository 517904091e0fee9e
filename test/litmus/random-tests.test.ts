import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LitmusTest } from '../../litmus/program.ts';
import { type AxiomaticModel, axiomatic } from '../support/litmus/axiomatic.ts';
import { bruteForce } from '../support/litmus/brute-force.ts';
import type { FinalStates } from '../support/litmus/final-states.ts';
import { listing, randomTest } from '../support/litmus/random-tests.ts';

/** TORNREAD_LITMUS_RUNS: random tests of each kind, for a campaign by hand. */
const numRuns = Number(process.env.TORNREAD_LITMUS_RUNS ?? 300);

function states(test: LitmusTest, model: AxiomaticModel): FinalStates {
  return axiomatic(test, model);
}

function compare(test: LitmusTest, left: readonly string[], right: readonly string[]): void {
  expect(
    { extra: left.filter((line) => !right.includes(line)), missing: right.filter((line) => !left.includes(line)) },
    listing(test),
  ).toEqual({ extra: [], missing: [] });
}

describe('on random tests the brute-force enumerator agrees with the axioms', () => {
  it.each(['x86', 'riscv', 'aarch64', 'c'] as const)('of sequential consistency, %s', (architecture) => {
    fc.assert(
      fc.property(randomTest(architecture), (test) => {
        compare(test, bruteForce(test, 'sc').lines(), states(test, 'sc').lines());
      }),
      { numRuns },
    );
  });

  it.each(['x86', 'c'] as const)('of x86-TSO, %s', (architecture) => {
    fc.assert(
      fc.property(randomTest(architecture), (test) => {
        compare(test, bruteForce(test, 'x86-tso').lines(), states(test, 'x86-tso').lines());
      }),
      { numRuns },
    );
  });
});

describe('on random tests a weaker model has every state of a stronger one', () => {
  it.each([
    ['x86', 'sc', 'x86-tso'],
    ['riscv', 'sc', 'rvwmo'],
    ['aarch64', 'sc', 'armv8'],
    ['c', 'x86-tso', 'linux-kernel'],
  ] as const)('%s: %s in %s', (architecture, strong, weak) => {
    fc.assert(
      fc.property(randomTest(architecture), (test) => {
        const weaker = states(test, weak).lines();
        const lost = states(test, strong)
          .lines()
          .filter((line) => !weaker.includes(line));
        expect(lost, listing(test)).toEqual([]);
      }),
      { numRuns },
    );
  });
});
