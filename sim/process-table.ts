import type { Arena } from './arena.ts';
import { assert } from './assert.ts';
import type { Flow, Operation } from './operation.ts';

/**
 * `task`: software that must finish, or the run is `stuck`. `engine`: hardware that works while it has work. `optional`:
 * something hardware may do and need not (an eviction, a prefetch); it never keeps a run alive nor moves the clock.
 */
export type ProcessKind = 'task' | 'engine' | 'optional';

export interface ProcessSpec {
  /** Unique; columns of pictures and choice points use it. */
  readonly name: string;
  readonly kind: ProcessKind;
  /** Makes a fresh body, called once a run and again when a search goes back; or the one step that is all it ever does. */
  readonly body: (() => Flow<void>) | Operation;
}

const blocked = 1;
const pending = 2;
const done = 3;

/**
 * The processes of a world, by id, as arrays of one kind each rather than objects: with thousands of processes caches
 * decide. What a process waits for is in its generator; whether it may go on, and since when, is in the arena.
 */
export class ProcessTable {
  readonly specs: ProcessSpec[] = [];
  /** The body of each process and the parts it is in, innermost last. */
  readonly stacks: Flow<unknown>[][] = [];
  readonly operations: (Operation | undefined)[] = [];
  isOptional = new Uint8Array(0);
  /** Earliest and latest moment of each pending operation: what the arena's times say, at hand. */
  earliestNs = new Float64Array(0);
  latestNs = new Float64Array(0);
  /** Whether each process is pending: what the arena's state words say, at hand. */
  isPending = new Uint8Array(0);
  /** Whether the operation of each process has a guard. */
  isGuarded = new Uint8Array(0);
  /** Every process may go next whenever it likes, and time stands still: what a search over orders wants. */
  ignoresWindows = false;
  /** Processes that wait for their guard. */
  blockedCount = 0;
  /** Names of the random streams that draw moments, one a process. */
  delayNames: readonly string[] = [];

  readonly #arena: Arena;
  #sealed = false;
  /** Arena words: the states above. */
  #state = 0;
  /** Arena words: what bodies keep of their own. */
  #locals = 0;
  /** Arena times: when the present operation was asked for, or its guard became true. Kept where windows decide. */
  #pendedAt = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  get count(): number {
    return this.specs.length;
  }

  add(spec: ProcessSpec): number {
    assert(!this.#sealed, 'the kernel is not sealed when a process is added');
    this.specs.push(spec);
    return this.specs.length - 1;
  }

  /** Makes room for the processes; the arena is sealed after this. */
  seal(): void {
    const { count } = this;
    this.#sealed = true;
    this.#state = this.#arena.allocate('kernel.process-states', count);
    this.#locals = this.#arena.allocate('kernel.process-locals', count);
    this.#pendedAt = this.#arena.allocateTimes('kernel.pended-at', count);
    this.isOptional = Uint8Array.from(this.specs, ({ kind }) => (kind === 'optional' ? 1 : 0));
    this.delayNames = this.specs.map(({ name }) => `delay of ${name}`);
    this.earliestNs = new Float64Array(count);
    this.latestNs = new Float64Array(count);
    this.isPending = new Uint8Array(count);
    this.isGuarded = new Uint8Array(count);
  }

  /** Before a run: nobody has asked for anything yet. */
  clear(): void {
    this.blockedCount = 0;
  }

  /** Arena index of the word a body has for itself. */
  localOf(id: number): number {
    return this.#locals + id;
  }

  isBlocked(id: number): boolean {
    return this.#arena.words[this.#state + id] === blocked;
  }

  finish(id: number): void {
    this.operations[id] = undefined;
    this.isGuarded[id] = 0;
    this.#setState(id, done);
    this.#arena.putTimeUnseen(this.#pendedAt + 2 * id, -1);
  }

  block(id: number): void {
    this.#setState(id, blocked);
    this.#arena.putTimeUnseen(this.#pendedAt + 2 * id, -1);
  }

  /** Pending, with the moment drawn elsewhere. */
  pend(id: number): void {
    this.#setState(id, pending);
  }

  /** Pending, inside the window of its operation from `nowNs` on. */
  pendInWindow(id: number, operation: Operation, nowNs: number): void {
    if (this.ignoresWindows && this.isPending[id] === 1) {
      return;
    }
    this.#setState(id, pending);
    this.#arena.putTimeUnseen(this.#pendedAt + 2 * id, nowNs);
    this.#setWindow(id, operation, nowNs);
  }

  /** What is at hand of the arena, after it went back; `operation` is what process `id` then waited for. */
  takeBack(id: number, operation: Operation | undefined): void {
    const { words } = this.#arena;
    this.operations[id] = operation;
    this.isGuarded[id] = operation?.guarded === true ? 1 : 0;
    for (let each = 0; each < this.operations.length; each += 1) {
      this.isPending[each] = words[this.#state + each] === pending ? 1 : 0;
    }
    if (!this.ignoresWindows) {
      this.#takeBackWindows();
    }
  }

  #takeBackWindows(): void {
    for (const [id, operation] of this.operations.entries()) {
      if (operation !== undefined) {
        this.#setWindow(id, operation, this.#arena.getTime(this.#pendedAt + 2 * id));
      }
    }
  }

  #setWindow(id: number, operation: Operation, nowNs: number): void {
    this.earliestNs[id] = this.ignoresWindows ? 0 : nowNs + operation.minNs;
    this.latestNs[id] = this.ignoresWindows ? Number.POSITIVE_INFINITY : nowNs + operation.maxNs;
  }

  /** What each unfinished task waits for, in words. */
  waitingTasks(): readonly string[] {
    const waiting: string[] = [];
    for (let id = 0; id < this.specs.length; id += 1) {
      const { name, kind } = this.specs[id] as ProcessSpec;
      const operation = this.operations[id];
      if (kind === 'task' && operation !== undefined) {
        waiting.push(`${name} waits for ${operation.label}`);
      }
    }
    return waiting;
  }

  #setState(id: number, state: number): void {
    const was = this.#arena.words[this.#state + id];
    this.blockedCount += (state === blocked ? 1 : 0) - (was === blocked ? 1 : 0);
    this.isPending[id] = state === pending ? 1 : 0;
    this.#arena.putUnseen(this.#state + id, state);
  }
}
