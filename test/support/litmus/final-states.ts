import type { LitmusTest, Observable, Proposition, Value } from '../../../litmus/program.ts';
import { addressOf, wordOf } from './values.ts';

/** What a run of a test ends in: every register of every thread, and every location, as unsigned words. */
export interface FinalState {
  readonly registers: readonly (readonly bigint[])[];
  readonly locations: readonly bigint[];
}

/** A set of final states of one test. */
export class FinalStates {
  readonly #test: LitmusTest;
  readonly #states = new Map<string, FinalState>();

  constructor(test: LitmusTest) {
    this.#test = test;
  }

  get size(): number {
    return this.#states.size;
  }

  add(state: FinalState): void {
    this.#states.set(keyOf(state), state);
  }

  has(state: FinalState): boolean {
    return this.#states.has(keyOf(state));
  }

  /** What herd says of the condition's proposition, over the states that the filter lets through. */
  verdict(): 'Never' | 'Sometimes' | 'Always' {
    const { condition, filter } = this.#test;
    const counted = [...this.#states.values()].filter((state) => filter === undefined || holdsIn(state, filter));
    const holding = counted.filter((state) => holdsIn(state, condition.proposition));
    return holding.length === 0 ? 'Never' : holding.length === counted.length ? 'Always' : 'Sometimes';
  }

  /** One line for each state, sorted: `0:r0=1; 1:r0=0; x=1`, every register and location unless told which. */
  lines(observables: readonly Observable[] = everything(this.#test)): readonly string[] {
    const lines = [...this.#states.values()].map((state) =>
      stateLine(
        this.#test,
        observables,
        observables.map((observable) => wordIn(state, observable)),
      ),
    );
    return [...new Set(lines)].sort();
  }
}

/** The line of a state whose values are given in the order of the observables. */
export function stateLine(
  test: LitmusTest,
  observables: readonly Observable[],
  words: readonly (bigint | Value)[],
): string {
  return observables
    .map((observable, i) => {
      const given = words[i] as bigint | Value;
      return `${nameOf(test, observable)}=${wordText(test, typeof given === 'bigint' ? given : wordOf(given))}`;
    })
    .join('; ');
}

/** Every register and every location of a test. */
export function everything(test: LitmusTest): readonly Observable[] {
  return [
    ...test.threads.flatMap(({ registers }, thread) =>
      registers.map((text, register) => ({ kind: 'register' as const, thread, register, text: `${thread}:${text}` })),
    ),
    ...test.locations.map(({ name }, location) => ({ kind: 'location' as const, location, text: name })),
  ];
}

function holdsIn(state: FinalState, proposition: Proposition): boolean {
  switch (proposition.kind) {
    case 'equals': {
      const { left, right } = proposition;
      const word = right.kind === 'integer' || right.kind === 'address' ? wordOf(right) : wordIn(state, right);
      return sameLow(wordIn(state, left), word);
    }
    case 'not':
      return !holdsIn(state, proposition.of);
    case 'and':
      return proposition.parts.every((part) => holdsIn(state, part));
    case 'or':
      return proposition.parts.some((part) => holdsIn(state, part));
    default:
      return proposition.kind === 'true';
  }
}

/** Negative numbers stand in conditions as 64 bits, in locations of 32 bits as 32. */
function sameLow(left: bigint, right: bigint): boolean {
  return left === right || (BigInt.asIntN(32, right) < 0n && left === BigInt.asUintN(32, right));
}

function keyOf({ registers, locations }: FinalState): string {
  return `${registers.map((words) => words.join()).join('|')}/${locations.join()}`;
}

function wordIn(state: FinalState, observable: Observable): bigint {
  return observable.kind === 'location'
    ? (state.locations[observable.location] as bigint)
    : (state.registers[observable.thread]?.[observable.register] as bigint);
}

function nameOf(test: LitmusTest, observable: Observable): string {
  return observable.kind === 'location'
    ? (test.locations[observable.location]?.name ?? '?')
    : `${observable.thread}:${test.threads[observable.thread]?.registers[observable.register] ?? '?'}`;
}

/** A register of 32 bits may be shown with its sign or without: both sides of a comparison come through here. */
function wordText(test: LitmusTest, word: bigint): string {
  const unsigned = BigInt.asUintN(64, word);
  const location = test.locations.findIndex((_, i) => addressOf(i) === unsigned);
  return location < 0 ? `${unsigned}` : `&${test.locations[location]?.name}`;
}
