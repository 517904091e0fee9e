import { describe, it } from 'vitest';
import { axiomatic } from '../support/litmus/axiomatic.ts';
import { bruteForce } from '../support/litmus/brute-force.ts';
import { expectSame, expectWithin, onRandomTests } from '../support/litmus/compare.ts';

describe('on random tests the brute-force enumerator agrees with the axioms', () => {
  it.each(['x86', 'riscv', 'aarch64', 'c'] as const)('of sequential consistency: %s', (architecture) => {
    onRandomTests(architecture, 30, (test) => {
      expectSame(test, bruteForce(test, 'sc').lines(), axiomatic(test, 'sc').lines());
    });
  });

  it.each(['x86', 'c'] as const)('of x86-TSO: %s', (architecture) => {
    onRandomTests(architecture, 50, (test) => {
      expectSame(test, bruteForce(test, 'x86-tso').lines(), axiomatic(test, 'x86-tso').lines());
    });
  });
});

describe('on random tests a weaker model has every state of a stronger one', () => {
  it.each([
    ['x86', 'sc', 'x86-tso'],
    ['riscv', 'sc', 'rvwmo'],
    ['aarch64', 'sc', 'armv8'],
    ['c', 'x86-tso', 'linux-kernel'],
  ] as const)('%s: all of %s is in %s', (architecture, strong, weak) => {
    onRandomTests(architecture, 20, (test) => {
      expectWithin(test, axiomatic(test, strong).lines(), axiomatic(test, weak).lines());
    });
  });
});
