import { Cores } from '../models/memory/cores.ts';
import type { MemoryModelName } from '../models/memory/memory-model.ts';
import { PhysicalMemory } from '../models/memory/physical-memory.ts';
import { wordsOfValue } from '../models/qword.ts';
import { Arena } from '../sim/arena.ts';
import { Search } from '../sim/exploration/search.ts';
import { Kernel } from '../sim/kernel.ts';
import { LitmusThread } from './litmus-thread.ts';
import type { LitmusTest, Location, Observable, Proposition, Thread, Value } from './program.ts';
import { factsOf } from './thread-facts.ts';
import { unmodelled } from './unmodelled.ts';

export interface LitmusLimits {
  /** The search ends, not complete, at so many states; default 2 million. */
  readonly maxStates?: number;
}

/** One final state that the filter lets through. */
export interface LitmusState {
  /** One for each observable of the outcome. */
  readonly values: readonly Value[];
  /** Whether the proposition of the condition holds in it. */
  readonly holds: boolean;
}

export interface LitmusOutcome {
  /** Of the condition, the filter and `locations`: registers by thread and name, then locations by name. */
  readonly observables: readonly Observable[];
  /** Sorted by their values. */
  readonly states: readonly LitmusState[];
  /** Of the proposition over the states, whatever the quantifier. */
  readonly verdict: 'Never' | 'Sometimes' | 'Always';
  readonly complete: boolean;
  /** States of the machine, and steps between them, that the search has gone through. */
  readonly stateCount: number;
  readonly transitions: number;
  /** Memory of the table of states. */
  readonly tableBytes: number;
}

const firstLocation = 0x1000;
/** Locations are a cache line each. */
const locationBytes = 64;
const stepsPerSlice = 10_000;
const defaultMaxStates = 2_000_000;
const noLimits = {
  maxEvents: Number.MAX_SAFE_INTEGER,
  maxTimeNs: Number.MAX_SAFE_INTEGER,
  maxRetries: Number.MAX_SAFE_INTEGER,
};

/**
 * Every final state of a test under a memory model: a search through the same kernel, CPUs and memory that drivers run
 * on. Throws UnmodelledInTest for what the machine does not have.
 */
export function exploreLitmus(test: LitmusTest, model: MemoryModelName, limits: LitmusLimits = {}): LitmusOutcome {
  const slices = exploreLitmusInSlices(test, model, limits);
  for (;;) {
    const slice = slices.next();
    if (slice.done === true) {
      return slice.value;
    }
  }
}

/** The same, a slice of the search at a time: who waits for it can do something else in between, or give up. */
export function exploreLitmusInSlices(
  test: LitmusTest,
  model: MemoryModelName,
  limits: LitmusLimits = {},
): Generator<void, LitmusOutcome> {
  return new LitmusMachine(test, model).explore(limits.maxStates ?? defaultMaxStates);
}

class LitmusMachine {
  readonly #test: LitmusTest;
  readonly #arena = new Arena();
  readonly #kernel = new Kernel(this.#arena, noLimits);
  readonly #memory = new PhysicalMemory(this.#arena, { pageCount: 2, coherentWalks: true });
  readonly #threads: LitmusThread[] = [];
  readonly #drained: (() => boolean)[] = [];
  readonly #observables: readonly Observable[];

  constructor(test: LitmusTest, model: MemoryModelName) {
    this.#test = test;
    this.#observables = observablesOf(test);
    if (test.locations.length * locationBytes > 4096) {
      unmodelled(1, `${test.locations.length} locations; there can be ${4096 / locationBytes}`);
    }
    for (const [i, location] of test.locations.entries()) {
      const bits = Math.max(32, location.widthBits) as 32 | 64 | 128;
      this.#memory.initialise(addressOf(i), wordsOfValue(BigInt.asUintN(bits, initialValue(location)), bits));
    }
    const cores = new Cores(this.#arena, this.#memory, model);
    for (const number of test.threads.keys()) {
      this.#addThread(number, cores, model);
    }
    this.#kernel.seal();
  }

  #addThread(number: number, cores: Cores, model: MemoryModelName): void {
    const thread = this.#test.threads[number] as LitmusTest['threads'][number];
    const self: { thread?: LitmusThread } = {};
    const core = cores.add({
      cpu: number,
      sink: {
        readWord: (address) => this.#memory.read(address),
        apply: ({ address, words }) => this.#memory.write(address, words, 0, words.length, number),
      },
      // Room for all its stores: a full buffer would be a rule of its own.
      buffer: { entryCount: Math.max(1, storesOf(thread)), maxNs: Number.POSITIVE_INFINITY },
      registerCount: thread.registers.length,
      hasContextSync: thread.instructions.some(({ op }) => op === 'context-sync'),
      reserves: true,
      mayStillRead: (address, wordCount) => mayLoad(self.thread?.loaded ?? -1, address, wordCount),
    });
    const observed = this.#observables.reduce(
      (bits, each) => (each.kind === 'register' && each.thread === number ? bits | (1 << each.register) : bits),
      0,
    );
    const facts = factsOf(thread, this.#test, observed);
    const { architecture } = this.#test;
    const check = (address: number, byteCount: number, line: number): void => this.#check(address, byteCount, line);
    const parts = { arena: this.#arena, core, number, thread, facts, architecture, model, addressOf, check };
    self.thread = new LitmusThread(parts);
    this.#threads.push(self.thread);
    this.#drained.push(() => core.isDrained());
    this.#kernel.addProcess({ name: `P${number}`, kind: 'engine', body: self.thread });
    if (core.drain !== undefined) {
      this.#kernel.addProcess({ name: `P${number} store buffer`, kind: 'engine', body: core.drain });
    }
  }

  #check(address: number, byteCount: number, line: number): void {
    const slot = Math.floor((address - firstLocation) / locationBytes);
    const location = this.#test.locations[slot];
    const inside = address - firstLocation - slot * locationBytes;
    if (location === undefined || slot < 0 || inside + byteCount > Math.max(4, location.widthBits / 8)) {
      unmodelled(line, 'an access beside the declared locations');
    }
    if (address % byteCount !== 0) {
      unmodelled(line, 'an access that is not aligned');
    }
  }

  *explore(maxStates: number): Generator<void, LitmusOutcome> {
    const states = new Map<string, LitmusState>();
    const onRest = (): void => {
      // A thread that waits for a lock for ever has no final state.
      if (this.#threads.every((thread) => thread.isDone) && this.#drained.every((isDrained) => isDrained())) {
        this.#keep(states);
      }
    };
    const search = new Search(this.#kernel, {
      reduces: true,
      keepsWindows: false,
      isExact: false,
      maxPreemptions: undefined,
      onViolation: () => {},
      onRest,
    });
    let goesOn = search.advance(stepsPerSlice);
    while (goesOn && search.progress.states < maxStates) {
      yield;
      goesOn = search.advance(stepsPerSlice);
    }
    const { progress } = search;
    search.close();
    const sorted = [...states.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, state]) => state);
    return {
      observables: this.#observables,
      states: sorted,
      verdict: verdictOf(sorted),
      complete: !goesOn && progress.cutShort === '',
      stateCount: progress.states,
      transitions: progress.transitions,
      tableBytes: progress.tableBytes,
    };
  }

  #keep(states: Map<string, LitmusState>): void {
    const read = (observable: Observable): bigint => this.#valueOf(observable);
    if (this.#test.filter !== undefined && !holds(this.#test.filter, read)) {
      return;
    }
    const numbers = this.#observables.map(read);
    const key = numbers.map((value) => value.toString(16).padStart(32, '0')).join(' ');
    if (!states.has(key)) {
      const isTrue = holds(this.#test.condition.proposition, read);
      states.set(key, { values: numbers.map((value) => this.#named(value)), holds: isTrue });
    }
  }

  #valueOf(observable: Observable): bigint {
    if (observable.kind === 'register') {
      return (this.#threads[observable.thread] as LitmusThread).register(observable.register);
    }
    const location = this.#test.locations[observable.location] as Location;
    let value = 0n;
    for (let word = Math.max(1, location.widthBits / 32) - 1; word >= 0; word -= 1) {
      value = (value << 32n) | BigInt(this.#memory.read(addressOf(observable.location) + 4 * word) >>> 0);
    }
    return value;
  }

  #named(value: bigint): Value {
    const offset = Number(value) - firstLocation;
    const location = offset / locationBytes;
    return Number.isInteger(location) && location >= 0 && location < this.#test.locations.length
      ? { kind: 'address', location }
      : { kind: 'integer', value };
  }
}

function storesOf({ instructions }: Thread): number {
  return instructions.filter(({ op }) => ['store', 'rmw', 'store-conditional', 'lock', 'unlock'].includes(op)).length;
}

function addressOf(location: number): number {
  return firstLocation + location * locationBytes;
}

function initialValue({ initial }: Location): bigint {
  return initial.kind === 'integer' ? initial.value : BigInt(addressOf(initial.location));
}

function mayLoad(loaded: number, address: number, wordCount: number): boolean {
  if (loaded === -1) {
    return true;
  }
  const first = Math.floor((address - firstLocation) / locationBytes);
  const last = Math.floor((address + 4 * wordCount - 1 - firstLocation) / locationBytes);
  return ((loaded >>> first) & 1) === 1 || ((loaded >>> last) & 1) === 1;
}

function verdictOf(states: readonly LitmusState[]): LitmusOutcome['verdict'] {
  const count = states.filter((state) => state.holds).length;
  return count === 0 ? 'Never' : count === states.length ? 'Always' : 'Sometimes';
}

function holds(proposition: Proposition, read: (observable: Observable) => bigint): boolean {
  switch (proposition.kind) {
    case 'true':
      return true;
    case 'false':
      return false;
    case 'not':
      return !holds(proposition.of, read);
    case 'and':
      return proposition.parts.every((part) => holds(part, read));
    case 'or':
      return proposition.parts.some((part) => holds(part, read));
    case 'equals': {
      const { left, right } = proposition;
      const value = read(left);
      switch (right.kind) {
        case 'integer':
          // A negative number stands for the bits of it, in whatever width there is.
          return [32, 64].some((bits) => BigInt.asUintN(bits, right.value) === value);
        case 'address':
          return value === BigInt(addressOf(right.location));
        default:
          return value === read(right);
      }
    }
  }
}

function observablesOf({ condition, filter, observed }: LitmusTest): readonly Observable[] {
  const found = new Map<string, Observable>();
  const add = (observable: Observable): void => {
    found.set(keyOf(observable), found.get(keyOf(observable)) ?? observable);
  };
  const walk = (proposition: Proposition): void => {
    switch (proposition.kind) {
      case 'equals':
        add(proposition.left);
        if (proposition.right.kind === 'register' || proposition.right.kind === 'location') {
          add(proposition.right);
        }
        break;
      case 'not':
        walk(proposition.of);
        break;
      case 'and':
      case 'or':
        proposition.parts.forEach(walk);
        break;
    }
  };
  walk(condition.proposition);
  if (filter !== undefined) {
    walk(filter);
  }
  observed.forEach(add);
  return [...found.values()].sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
}

function keyOf(observable: Observable): string {
  return observable.kind === 'register' ? `${observable.thread}:${observable.register}` : `[${observable.location}]`;
}

function orderOf(observable: Observable): string {
  return observable.kind === 'register'
    ? `0 ${String(observable.thread).padStart(3, '0')} ${observable.text}`
    : `1 ${observable.text}`;
}
