import { expect, it } from 'vitest';
import { exploreLitmus } from '../../litmus/explore-litmus.ts';
import { parseLitmus } from '../../litmus/parse-litmus.ts';

/** Final values of P2's registers under a model where stores reach CPUs one by one. */
function lastThread(bystander: string): readonly string[] {
  const text = `C MP+bystander
{}
P0(int *x, int *y) { WRITE_ONCE(*x, 1); smp_store_release(y, 2); }
P1(int *x) { ${bystander} }
P2(int *x, int *y) { int r0 = smp_load_acquire(y); int r1 = READ_ONCE(*x); }
exists (2:r0=2 /\\ 2:r1=0)
`;
  const read = parseLitmus(text, 'bystander.litmus');
  if ('problems' in read) throw new Error(read.problems[0]?.message);
  const { states } = exploreLitmus(read.test, 'non-mca');
  return states.map(({ values }) => values.map((value) => (value.kind === 'integer' ? value.value : '&')).join(' '));
}

it.each(['WRITE_ONCE(*x, 3);', 'xchg_relaxed(x, 3);'])(
  'whoever knows of a store sees nothing that was there before it, whoever wrote that (%s)',
  (bystander) => {
    // x is 0, then 3, then 1: the release tells of 1 only, and that rules out 0 and 3 alike where 1 came last.
    expect(lastThread(bystander)).toEqual(['0 0', '0 1', '0 3', '2 1', '2 3']);
  },
);

it('an atomic that takes an own release from the store buffer passes on what that passes on', () => {
  const text = `C MP+release-rmw
{}
P0(int *x, int *y) { WRITE_ONCE(*x, 1); smp_store_release(y, 2); int r0 = xchg_relaxed(y, 5); }
P1(int *x, int *y) { int r0 = smp_load_acquire(y); int r1 = READ_ONCE(*x); }
exists (1:r0=5 /\\ 1:r1=0)
`;
  const read = parseLitmus(text, 'release-rmw.litmus');
  if ('problems' in read) throw new Error(read.problems[0]?.message);
  expect(exploreLitmus(read.test, 'non-mca').verdict).toBe('Never');
});
