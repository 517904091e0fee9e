import fc from 'fast-check';
import { expect } from 'vitest';
import type { Architecture, LitmusTest } from '../../../litmus/program.ts';
import { listing, randomTest } from './random-tests.ts';

/** The states that one side has and the other has not, with the test they are of. */
export function expectSame(test: LitmusTest, found: readonly string[], wanted: readonly string[]): void {
  expect({ extra: without(found, wanted), missing: without(wanted, found) }, listing(test)).toEqual({
    extra: [],
    missing: [],
  });
}

/** No state of one side is missing on the other. */
export function expectWithin(test: LitmusTest, few: readonly string[], many: readonly string[]): void {
  expect(without(few, many), listing(test)).toEqual([]);
}

function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const known = new Set(others);
  return lines.filter((line) => !known.has(line));
}

/**
 * On random tests, the same ones each time. A campaign by hand: TORNREAD_LITMUS_RUNS=5000 TORNREAD_LITMUS_SEED=7 and
 * `npx vitest run --config test/vitest.config.ts --testTimeout 3600000 test/litmus/random`.
 */
export function onRandomTests(architecture: Architecture, numRuns: number, check: (test: LitmusTest) => void): void {
  const runs = Number(process.env.TORNREAD_LITMUS_RUNS ?? numRuns);
  const seed = Number(process.env.TORNREAD_LITMUS_SEED ?? 1);
  fc.assert(fc.property(randomTest(architecture), check), { numRuns: runs, seed });
}
