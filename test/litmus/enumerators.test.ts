import { describe, expect, it } from 'vitest';
import { type AxiomaticModel, axiomatic } from '../support/litmus/axiomatic.ts';
import { bruteForce } from '../support/litmus/brute-force.ts';
import { dependentOn, full, load, program, type Step, store, x, y } from '../support/litmus/programs.ts';

const storeBuffering = [
  [store(x, 1), load(0, y)],
  [store(y, 1), load(0, x)],
];
const fencedStoreBuffering = [
  [store(x, 1), full, load(0, y)],
  [store(y, 1), full, load(0, x)],
];
const messagePassing = [
  [store(x, 1), store(y, 1)],
  [load(0, y), load(1, x)],
];
const releasedMessage = [
  [store(x, 1), store(y, 1, 'release')],
  [load(0, y, 'acquire'), load(1, x)],
];
const dependentMessage = [
  [store(x, 1), store(y, 1, 'release')],
  [load(0, y), load(1, dependentOn(0, x))],
];
const loadBuffering = [
  [load(0, x), store(y, 1)],
  [load(0, y), store(x, 1)],
];
const independentReads = [[store(x, 1)], [store(y, 1)], [load(0, x), load(1, y)], [load(0, y), load(1, x)]];
const fencedIndependentReads = [
  [store(x, 1)],
  [store(y, 1)],
  [load(0, x), full, load(1, y)],
  [load(0, y), full, load(1, x)],
];
const twoWrites = [
  [store(x, 1), store(y, 2)],
  [store(y, 1), store(x, 2)],
];
const readTwice = [[store(x, 1)], [load(0, x), load(1, x)]];
const readThreeTimes = [
  [store(x, 1), store(x, 2)],
  [load(0, x), load(1, x), load(2, x)],
];
const writeToRead = [[store(x, 1)], [load(0, x), store(y, 1)], [load(0, y), load(1, dependentOn(0, x))]];

/**
 * Final states, counted by hand.
 *
 * SB   each load gives 0 or 1. Sequentially consistent memory has not (0, 0): 3 of 4. All others have it, unless fenced.
 * MP   flag and data: (1, 0) is missing where stores and loads keep their order: 3 of 4.
 * LB   (1, 1) needs a store before the load in front of it: 3 of 4, and 4 only where that is allowed.
 * IRIW four loads, 16 combinations; the one in which the readers disagree about the order of the stores is missing where
 *      each reader keeps the order of its loads: 15. Loads that change places give it back.
 * 2+2W x and y each end as 1 or 2; both 1 needs each thread's second store to come before its first: 3 of 4.
 * CoRR two loads of one location: (1, 0) never, whatever the model: 3 of 4. Three loads of a location that becomes 1, then
 *      2: runs of 0, 1, 2 that never go down, C(3 + 2, 2) = 10.
 * WRC  r0 of the middle and of the last thread, r1 of the last: (1, 1, 0) is missing where stores reach all at once: 7 of 8.
 */
const counts: readonly [string, readonly (readonly Step[])[], Record<AxiomaticModel, number>][] = [
  ['SB', storeBuffering, { sc: 3, 'x86-tso': 4, rvwmo: 4, armv8: 4, 'linux-kernel': 4 }],
  ['SB+mbs', fencedStoreBuffering, { sc: 3, 'x86-tso': 3, rvwmo: 3, armv8: 3, 'linux-kernel': 3 }],
  ['MP', messagePassing, { sc: 3, 'x86-tso': 3, rvwmo: 4, armv8: 4, 'linux-kernel': 4 }],
  ['MP+rel+acq', releasedMessage, { sc: 3, 'x86-tso': 3, rvwmo: 3, armv8: 3, 'linux-kernel': 3 }],
  ['MP+rel+addr', dependentMessage, { sc: 3, 'x86-tso': 3, rvwmo: 3, armv8: 3, 'linux-kernel': 3 }],
  ['LB', loadBuffering, { sc: 3, 'x86-tso': 3, rvwmo: 4, armv8: 4, 'linux-kernel': 4 }],
  ['IRIW', independentReads, { sc: 15, 'x86-tso': 15, rvwmo: 16, armv8: 16, 'linux-kernel': 16 }],
  ['IRIW+mbs', fencedIndependentReads, { sc: 15, 'x86-tso': 15, rvwmo: 15, armv8: 15, 'linux-kernel': 15 }],
  ['2+2W', twoWrites, { sc: 3, 'x86-tso': 3, rvwmo: 4, armv8: 4, 'linux-kernel': 4 }],
  ['CoRR', readTwice, { sc: 3, 'x86-tso': 3, rvwmo: 3, armv8: 3, 'linux-kernel': 3 }],
  ['CoRR3', readThreeTimes, { sc: 10, 'x86-tso': 10, rvwmo: 10, armv8: 10, 'linux-kernel': 10 }],
  ['WRC+addr', writeToRead, { sc: 7, 'x86-tso': 7, rvwmo: 8, armv8: 8, 'linux-kernel': 8 }],
];
const shapes = counts.map(([name, threads, expected]) => ({
  name,
  expected,
  test: program(name, 'c', threads),
}));

describe('the axiomatic enumerator counts', () => {
  it.each(shapes)('$name', ({ test, expected }) => {
    const models = Object.keys(expected) as AxiomaticModel[];
    expect(Object.fromEntries(models.map((model) => [model, axiomatic(test, model).size]))).toEqual(expected);
  });
});

describe('the brute-force enumerator counts', () => {
  it.each(shapes)('$name', ({ test, expected }) => {
    expect({ sc: bruteForce(test, 'sc').size, tso: bruteForce(test, 'x86-tso').size }).toEqual({
      sc: expected.sc,
      tso: expected['x86-tso'],
    });
  });
});

describe('without load buffering', () => {
  it.each(['rvwmo', 'armv8', 'linux-kernel'] as const)('LB has 3 states in %s', (model) => {
    expect(axiomatic(program('LB', 'c', loadBuffering), model, { withoutLoadBuffering: true }).size).toBe(3);
  });
});
