import { describe, expect, it } from 'vitest';
import { aarch64 } from '../support/litmus-corpus/aarch64.ts';
import { c } from '../support/litmus-corpus/c.ts';
import { type Dialect, describe as inWords } from '../support/litmus-corpus/dialect.ts';
import { cycleOf } from '../support/litmus-corpus/names.ts';
import { riscv } from '../support/litmus-corpus/riscv.ts';
import { x86 } from '../support/litmus-corpus/x86.ts';

describe('the cycle that a name stands for', () => {
  it.each<[string, Dialect, string]>([
    ['MP', x86, 'P0: Wx=1 po Wy=1; P1: Ry=1 po Rx=0'],
    // The last location leads back to the first, and what is written last to it is known from the cycle.
    ['Z6.0+po+po+mfence', x86, 'P0: Wx=1 po Wy=1; P1: Ry=1 po Wz=1; P2: Wz=2 mfence Rx=0'],
    ['2+2W+po-rmws', x86, 'P0: Wx=2 po Ry=0 rmw Wy=1; P1: Wy=2 po Rx=0 rmw Wx=1'],
    ['R+po+po-rfi', x86, 'P0: Wx=2 po Wy=1; P1: Wy=2 po Wx=1 rfi Rx=1'],
    ['W+RR+WW', x86, 'P0: Wx=2; P1: Rx=2 po Ry=0; P2: Wy=1 po Wx=1'],
    // One plural for both threads; `pos` stays in its location.
    ['SB+posrlaq-poaqps', riscv, 'P0: Wx=1 posrlaq Rx=1 poaqp Ry=0; P1: Wy=1 posrlaq Ry=1 poaqp Rx=0'],
    [
      'MP+rfi-data+ctrlfencei-rfi-addr',
      riscv,
      'P0: Wx=1 rfi Rx=1 data Wy=1; P1: Ry=1 ctrlfencei Wz=1 rfi Rz=1 addr Rx=0',
    ],
    ['CoWW', aarch64, 'P0: Wx=2 pos Wx=1'],
    ['CoRW2', aarch64, 'P0: Wx=2; P1: Rx=2 pos Wx=1'],
    ['MP+poss', aarch64, 'P0: Wx=1 pos Wx=2; P1: Rx=2 pos Rx=0'],
    ['WRC+poonceonces+Release', c, 'P0: Wx=1; P1: Rx=1 poonceonce Wy=1; P2: Ry=1 poonceonce Rx=0'],
  ])('%s', (name, dialect, words) => {
    expect(inWords(cycleOf(name, dialect.words))).toBe(words);
  });

  it('annotates the accesses, also those that stand alone', () => {
    const { threads } = cycleOf('IRIW+poaas+NaL', aarch64.words);
    expect(threads.map(({ accesses }) => accesses.map(({ annotation }) => annotation))).toEqual([
      ['na'],
      ['a', 'a'],
      ['l'],
      ['a', 'a'],
    ]);
  });
});

describe('a name that says too little or too much', () => {
  it.each<[string, Dialect, string]>([
    // Either a read or a write may stand in the middle.
    ['R+po+po-po', x86, 'po-po from W to R fits 2 ways'],
    ['SB+rfi-rfi+po', x86, 'rfi-rfi from W to R fits 0 ways'],
    ['MP+po+pos', x86, 'a cycle cannot leave a location once'],
    ['SB+poss', aarch64, 'nothing tells the order of the writes'],
    ['S+dmb.sy+data-wsi', aarch64, 'x is written more often than a final value tells apart'],
    ['MP+poal+po', aarch64, 'poal from W to W fits 0 ways'],
    ['MP+po+addrpa-popp', aarch64, 'a and p meet in one access'],
    ['3.SB+po+po', x86, 'po+po has 2 edges for 3 threads'],
    ['MP+lwsync+po', x86, 'lwsync is neither an edge nor an annotation'],
    ['nonsense', x86, 'nonsense has no known shape'],
  ])('%s is refused', (name, dialect, message) => {
    expect(() => cycleOf(name, dialect.words)).toThrow(message);
  });
});
