import type { LitmusTest } from '../../../litmus/program.ts';
import { armv8 } from './axioms-armv8.ts';
import { linuxKernel } from './axioms-linux-kernel.ts';
import { rvwmo } from './axioms-rvwmo.ts';
import { sequential, x86Tso } from './axioms-x86-tso.ts';
import { candidates } from './candidates.ts';
import { type LocationChoice, locationChoices } from './coherence.ts';
import type { Axioms, Choices, Skeleton } from './execution.ts';
import { FinalStates } from './final-states.ts';
import { union } from './relation.ts';
import { skeletonOf } from './skeleton.ts';
import type { Unrolling } from './unroll.ts';
import { wordOf } from './values.ts';

/*
 * The final states of a litmus test by the axioms of its model: every choice of who reads from whom, of the way through
 * every thread that follows from it, and of the coherence orders; of these the ones that the axioms allow. Nothing here takes a step of any machine.
 */

export type AxiomaticModel = 'sc' | 'x86-tso' | 'rvwmo' | 'armv8' | 'linux-kernel';

export interface AxiomaticOptions {
  /** Adds that a read is before the later writes of its thread: what a machine that runs in program order cannot show. */
  readonly withoutLoadBuffering?: boolean;
}

interface Model {
  readonly axioms: (withoutLoadBuffering: boolean) => Axioms;
  readonly unrolling: Unrolling;
}

const machine: Unrolling = {
  hasSingleAtomics: false,
  endsControlAtJoin: false,
  statusDependsOnStore: false,
  relaxesFailure: false,
};

const models: Readonly<Record<AxiomaticModel, Model>> = {
  sc: { axioms: () => sequential, unrolling: machine },
  // On x86 no load is passed by a later store anyway.
  'x86-tso': { axioms: () => x86Tso, unrolling: machine },
  rvwmo: { axioms: rvwmo, unrolling: { ...machine, hasSingleAtomics: true, statusDependsOnStore: true } },
  armv8: { axioms: armv8, unrolling: machine },
  'linux-kernel': {
    axioms: linuxKernel,
    unrolling: { ...machine, endsControlAtJoin: true, relaxesFailure: true },
  },
};

export function axiomatic(test: LitmusTest, name: AxiomaticModel, options: AxiomaticOptions = {}): FinalStates {
  const { axioms, unrolling } = models[name];
  const rules = axioms(options.withoutLoadBuffering ?? false);
  const finals = new FinalStates(test);
  const initial = test.locations.map(({ initial, widthBits }) => BigInt.asUintN(widthBits, wordOf(initial)));
  for (const { traces, sources } of candidates(test, unrolling)) {
    const { skeleton, readsFrom } = skeletonOf(initial, traces, sources);
    const isAllowed = rules(skeleton);
    const choices = initial.map((_, location) => locationChoices(skeleton, location, readsFrom));
    const registers = traces.map((trace) => trace.registers);
    for (const locations of product(choices.map((list) => [...new Set(list.map(({ last }) => last))]))) {
      const final = { registers, locations };
      if (!finals.has(final) && isReached(skeleton, choices, locations, isAllowed)) {
        finals.add(final);
      }
    }
  }
  return finals;
}

/** Whether some choice that ends in these values is allowed. */
function isReached(
  skeleton: Skeleton,
  choices: readonly (readonly LocationChoice[])[],
  locations: readonly bigint[],
  isAllowed: (choices: Choices) => boolean,
): boolean {
  const fitting = choices.map((list, location) => list.filter(({ last }) => last === locations[location]));
  for (const chosen of product(fitting)) {
    const none = Array.from({ length: skeleton.count }, () => 0);
    const merged = {
      readsFrom: union(none, ...chosen.map(({ readsFrom }) => readsFrom)),
      coherence: union(none, ...chosen.map(({ coherence }) => coherence)),
      fromRead: union(none, ...chosen.map(({ fromRead }) => fromRead)),
    };
    if (isAllowed(merged)) {
      return true;
    }
  }
  return false;
}

function* product<T>(lists: readonly (readonly T[])[], chosen: readonly T[] = []): Generator<readonly T[]> {
  const list = lists[chosen.length];
  if (list === undefined) {
    yield chosen;
    return;
  }
  for (const item of list) {
    yield* product(lists, [...chosen, item]);
  }
}
