import { exploreLitmus } from '../../../litmus/explore-litmus.ts';
import type { LitmusTest } from '../../../litmus/program.ts';
import type { MemoryModelName } from '../../../models/memory/memory-model.ts';
import { everything, stateLine } from './final-states.ts';

/** The final states that the machine finds, as the enumerators write theirs: every register and location. */
export function machineLines(test: LitmusTest, model: MemoryModelName): readonly string[] {
  // The filter is for verdicts: states are compared without it.
  const { filter: _, ...unfiltered } = test;
  const { observables, states, complete } = exploreLitmus({ ...unfiltered, observed: everything(test) }, model);
  if (!complete) {
    throw new Error(`${test.name}: the search under ${model} is not complete`);
  }
  const order = everything(test).map((wanted) => {
    const index = observables.findIndex((found) => sameObservable(found, wanted));
    if (index < 0) {
      throw new Error(`${test.name}: ${wanted.text} is not observed`);
    }
    return index;
  });
  return states
    .map(({ values }) =>
      stateLine(
        test,
        everything(test),
        order.map((index) => values[index] as (typeof values)[number]),
      ),
    )
    .sort();
}

type Observable = ReturnType<typeof everything>[number];

function sameObservable(a: Observable, b: Observable): boolean {
  return a.kind === 'location'
    ? b.kind === 'location' && a.location === b.location
    : b.kind === 'register' && a.thread === b.thread && a.register === b.register;
}
