import { describe, it } from 'vitest';
import { axiomatic } from '../support/litmus/axiomatic.ts';
import { bruteForce } from '../support/litmus/brute-force.ts';
import { expectSame, expectWithin, onRandomTests } from '../support/litmus/compare.ts';
import { machineLines } from '../support/litmus/machine.ts';

const withoutLoadBuffering = { withoutLoadBuffering: true };

describe('on random tests the machine has the states of brute force', () => {
  it.each(['x86', 'riscv', 'aarch64', 'c'] as const)('under sc: %s', (architecture) => {
    onRandomTests(architecture, 30, (test) => {
      expectSame(test, machineLines(test, 'sc'), bruteForce(test, 'sc').lines());
    });
  });

  it.each(['x86', 'c'] as const)('under x86-tso: %s', (architecture) => {
    onRandomTests(architecture, 60, (test) => {
      expectSame(test, machineLines(test, 'x86-tso'), bruteForce(test, 'x86-tso').lines());
    });
  });
});

describe('on random tests the machine has the states of the axioms, but for load buffering', () => {
  it.each([
    ['riscv', 'rvwmo'],
    ['aarch64', 'armv8'],
  ] as const)('%s under %s', (architecture, model) => {
    onRandomTests(architecture, 60, (test) => {
      expectSame(test, machineLines(test, model), axiomatic(test, model, withoutLoadBuffering).lines());
    });
  });
});

describe('on random tests in C', () => {
  it('portable has what any machine has, and nothing that the kernel model forbids', () => {
    onRandomTests('c', 15, (test) => {
      const portable = machineLines(test, 'portable');
      for (const model of ['sc', 'x86-tso', 'rvwmo', 'armv8'] as const) {
        expectWithin(test, machineLines(test, model), portable);
      }
      expectWithin(test, portable, axiomatic(test, 'linux-kernel', withoutLoadBuffering).lines());
    });
  });

  it('non-mca has what portable has, and nothing that the kernel model forbids', () => {
    onRandomTests('c', 15, (test) => {
      const oneByOne = machineLines(test, 'non-mca');
      expectWithin(test, machineLines(test, 'portable'), oneByOne);
      expectWithin(test, oneByOne, axiomatic(test, 'linux-kernel', withoutLoadBuffering).lines());
    });
  });
});
