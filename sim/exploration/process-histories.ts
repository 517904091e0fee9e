import type { Arena } from '../arena.ts';
import { assert } from '../assert.ts';
import { mixHigh, mixLow } from '../hash.ts';
import type { Checkpoint, Flow } from '../operation.ts';
import type { BodyListener, Stepper } from '../stepper.ts';

interface Point {
  /** Length of the history when the checkpoint was passed. */
  readonly length: number;
  readonly checkpoint: Checkpoint;
}

/**
 * What each process has been given back, so that its body can be made again: a generator cannot be copied. The state of
 * a body counts as (results since its last checkpoint), hashed into arena words, so that undo and fingerprint cover it:
 * finer than what its locals hold, hence sound.
 */
export class ProcessHistories implements BodyListener {
  readonly #stepper: Stepper;
  readonly #arena: Arena;
  readonly #results: unknown[][];
  readonly #points: Point[][];
  /** By process: results its present generator was given. More than there are: it is ahead and has to be made again. */
  readonly #fed: Int32Array;
  readonly #bodies: (() => Flow<void>)[];

  constructor(stepper: Stepper) {
    this.#stepper = stepper;
    this.#arena = stepper.arena;
    const { specs } = stepper.processes;
    this.#results = specs.map(() => []);
    this.#points = specs.map(() => []);
    this.#fed = new Int32Array(specs.length);
    this.#bodies = specs.map(({ body }) => (typeof body === 'function' ? body : noBody));
  }

  clear(): void {
    for (const list of [...this.#results, ...this.#points]) {
      list.length = 0;
    }
    this.#fed.fill(0);
  }

  lengthOf(id: number): number {
    return (this.#results[id] as unknown[]).length;
  }

  given(id: number, result: unknown): void {
    if (this.#bodies[id] === noBody) {
      return;
    }
    (this.#results[id] as unknown[]).push(result);
    this.#fed[id] = (this.#fed[id] as number) + 1;
    this.#mix(id, result);
  }

  checkpoint(id: number, checkpoint: Checkpoint): void {
    (this.#points[id] as Point[]).push({ length: this.lengthOf(id), checkpoint });
    const key = this.#stepper.processes.keyOf(id);
    this.#arena.putUnseen(key, mixLow(0x5eed, checkpoint.key));
    this.#arena.putUnseen(key + 1, mixHigh(0x5eed, checkpoint.key));
  }

  /** Back to a history of `length` results; checkpoints passed since are forgotten. */
  truncate(id: number, length: number): void {
    const results = this.#results[id] as unknown[];
    const points = this.#points[id] as Point[];
    if (results.length > length) {
      results.length = length;
    }
    while (points.length > 0 && (points.at(-1) as Point).length > length) {
      points.pop();
    }
  }

  /** Its generator may stand anywhere: something was thrown out of it. */
  distrust(id: number): void {
    this.#fed[id] = 0x7fff_ffff;
  }

  /** Sees to it that the generator of a process stands where the process does. */
  prepare(id: number): void {
    const results = this.#results[id] as unknown[];
    if (this.#fed[id] === results.length || this.#bodies[id] === noBody) {
      return;
    }
    const point = (this.#points[id] as Point[]).at(-1);
    if (point === undefined) {
      this.#stepper.rebuild(id, this.#bodies[id] as () => Flow<void>, results);
    } else {
      this.#stepper.rebuild(id, point.checkpoint.resume, results.slice(point.length));
    }
    this.#fed[id] = results.length;
  }

  /** The results themselves, for searches that take no chance on a hash. */
  exactKey(): string {
    return this.#results
      .map((results, id) => {
        if (this.#stepper.processes.operations[id] === undefined) {
          return 'done';
        }
        const point = (this.#points[id] as Point[]).at(-1);
        const since = results.slice(point?.length ?? 0).map(textOf);
        return `${point?.checkpoint.key ?? ''}:${since.join(',')}`;
      })
      .join(';');
  }

  #mix(id: number, result: unknown): void {
    const key = this.#stepper.processes.keyOf(id);
    let low = this.#arena.words[key] as number;
    let high = this.#arena.words[key + 1] as number;
    const word = (value: number): void => {
      low = mixLow(low, value);
      high = mixHigh(high, value);
    };
    if (result === undefined) {
      word(1);
    } else if (typeof result === 'number' && (result | 0) === result) {
      word(2);
      word(result);
    } else {
      const text = textOf(result);
      word(3);
      for (let i = 0; i < text.length; i += 1) {
        word(text.charCodeAt(i));
      }
    }
    this.#arena.putUnseen(key, low);
    this.#arena.putUnseen(key + 1, high);
  }
}

function noBody(): Flow<void> {
  assert(false, 'a process without a body has nothing to make again');
}

/** Results in words: equal exactly if a body cannot tell them apart. */
function textOf(result: unknown): string {
  switch (typeof result) {
    case 'object':
      return result === null
        ? 'null'
        : `{${Object.entries(result).map(([name, value]) => `${name}=${textOf(value)}`)}}`;
    case 'function':
    case 'symbol':
      return assert(false, 'the result of a step is data') as never;
    default:
      return `${typeof result} ${String(result)}`;
  }
}
