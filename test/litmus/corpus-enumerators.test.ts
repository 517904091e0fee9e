import { describe, expect, it } from 'vitest';
import type { Architecture } from '../../litmus/program.ts';
import { type AxiomaticModel, axiomatic } from '../support/litmus/axiomatic.ts';
import { bruteForce } from '../support/litmus/brute-force.ts';
import { expectSame, expectWithin } from '../support/litmus/compare.ts';
import { machineLines } from '../support/litmus/machine.ts';
import { readTest } from '../support/litmus-corpus/corpus-suite.ts';
import { readVerdicts } from '../support/litmus-corpus/verdicts.ts';

const withoutLoadBuffering = { withoutLoadBuffering: true };
const architectures: readonly [Architecture, AxiomaticModel][] = [
  ['x86', 'x86-tso'],
  ['riscv', 'rvwmo'],
  ['aarch64', 'armv8'],
  ['c', 'linux-kernel'],
];

/** Accesses of 32 bits to a place that is read with 64: the axioms here are for accesses that cover all or nothing. */
const mixedSizes = ['MP+posw0w4-dmb.syw4w0+dmb.ldq0q0', 'SCA-04', 'WW+R+dmb.sysw4w0+q0'];

function tests(architecture: Architecture) {
  return Object.entries(readVerdicts(architecture).tests).map(([name, { verdict }]) => ({
    test: readTest(architecture, name),
    verdict,
  }));
}

function testsOfOneSize(architecture: Architecture) {
  return tests(architecture).filter(({ test }) => !mixedSizes.includes(test.name));
}

describe.each(architectures)('of the %s corpus', (architecture, model) => {
  const corpus = tests(architecture);

  it(`the axioms of ${model} give every published verdict, load buffering included`, () => {
    const wrong = testsOfOneSize(architecture).filter(
      ({ test, verdict }) => axiomatic(test, model).verdict() !== verdict,
    );
    expect(wrong.map(({ test }) => test.name)).toEqual([]);
  });

  it('the machine has the states of brute force under sc', () => {
    for (const { test } of corpus) {
      expectSame(test, machineLines(test, 'sc'), bruteForce(test, 'sc').lines());
    }
  });
});

describe.each(['x86', 'c'] as const)('of the %s corpus', (architecture) => {
  it('the machine has the states of brute force under x86-tso', () => {
    for (const { test } of tests(architecture)) {
      expectSame(test, machineLines(test, 'x86-tso'), bruteForce(test, 'x86-tso').lines());
    }
  });
});

describe.each([
  ['riscv', 'rvwmo'],
  ['aarch64', 'armv8'],
] as const)('of the %s corpus', (architecture, model) => {
  it(`the machine has the states of the axioms of ${model}, but for load buffering`, () => {
    for (const { test } of testsOfOneSize(architecture)) {
      expectSame(test, machineLines(test, model), axiomatic(test, model, withoutLoadBuffering).lines());
    }
  });
});

describe('of the C corpus', () => {
  it('portable is within non-mca, and both within the kernel model', () => {
    for (const { test } of tests('c')) {
      const portable = machineLines(test, 'portable');
      const oneByOne = machineLines(test, 'non-mca');
      expectWithin(test, portable, oneByOne);
      expectWithin(test, oneByOne, axiomatic(test, 'linux-kernel', withoutLoadBuffering).lines());
    }
  });
});
