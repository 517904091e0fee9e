import { assert } from '../assert.ts';
import { mixHigh, mixLow } from '../hash.ts';
import type { Checkpoint, Flow } from '../operation.ts';
import type { BodyListener, Stepper } from '../stepper.ts';

interface Point {
  /** Length of the history when the checkpoint was passed. */
  readonly length: number;
  readonly checkpoint: Checkpoint;
}

/** How far a process was when a state was left, for {@link ProcessHistories.takeBack}. */
export interface HistoryMark {
  historyLength: number;
  keyLow: number;
  keyHigh: number;
}

/**
 * What each process has been given back, so that its body can be made again: a generator cannot be copied. The state of
 * a body counts as (results since its last checkpoint), hashed into a key: finer than what its locals hold, hence sound.
 * Bodies change one at a time, so what undoes a step keeps the key of one.
 */
export class ProcessHistories implements BodyListener {
  /** Of the keys of all processes, for fingerprints. */
  low = 0;
  high = 0;
  readonly #stepper: Stepper;
  readonly #results: unknown[][];
  /** By process: how many of its results count; those behind are of orders that were left. */
  readonly #lengths: Int32Array;
  readonly #points: Point[][];
  /** By process: results its present generator was given. More than there are: it is ahead and has to be made again. */
  readonly #fed: Int32Array;
  readonly #bodies: (() => Flow<void>)[];
  readonly #keyLow: Int32Array;
  readonly #keyHigh: Int32Array;

  constructor(stepper: Stepper) {
    this.#stepper = stepper;
    const { specs, count } = stepper.processes;
    this.#results = specs.map(() => []);
    this.#lengths = new Int32Array(count);
    this.#points = specs.map(() => []);
    this.#fed = new Int32Array(count);
    this.#bodies = specs.map(({ body }) => (typeof body === 'function' ? body : noBody));
    this.#keyLow = new Int32Array(count);
    this.#keyHigh = new Int32Array(count);
  }

  clear(): void {
    this.#lengths.fill(0);
    this.#fed.fill(0);
    for (const points of this.#points) {
      points.length = 0;
    }
    this.low = 0;
    this.high = 0;
    for (let id = 0; id < this.#bodies.length; id += 1) {
      this.#keyLow[id] = 0;
      this.#keyHigh[id] = 0;
      this.#setKey(id, mixLow(id, 0x5eed), mixHigh(id, 0x5eed));
    }
  }

  given(id: number, result: unknown): void {
    if (this.#bodies[id] === noBody) {
      return;
    }
    const length = this.#lengths[id] as number;
    (this.#results[id] as unknown[])[length] = result;
    this.#lengths[id] = length + 1;
    this.#fed[id] = (this.#fed[id] as number) + 1;
    this.#mix(id, result);
  }

  checkpoint(id: number, checkpoint: Checkpoint): void {
    (this.#points[id] as Point[]).push({ length: this.#lengths[id] as number, checkpoint });
    this.#setKey(id, mixLow(~id, checkpoint.key), mixHigh(~id, checkpoint.key));
  }

  /** A process has ended: nobody asks any more how it got there. */
  finished(id: number): void {
    this.#setKey(id, 0, 0);
  }

  mark(id: number, into: HistoryMark): void {
    into.historyLength = this.#lengths[id] as number;
    into.keyLow = this.#keyLow[id] as number;
    into.keyHigh = this.#keyHigh[id] as number;
  }

  takeBack(id: number, { historyLength, keyLow, keyHigh }: HistoryMark): void {
    this.#lengths[id] = historyLength;
    this.#setKey(id, keyLow, keyHigh);
    const points = this.#points[id] as Point[];
    while (points.length > 0 && (points[points.length - 1] as Point).length > historyLength) {
      points.pop();
    }
  }

  /** Its generator may stand anywhere: something was thrown out of it. */
  distrust(id: number): void {
    this.#fed[id] = 0x7fff_ffff;
  }

  /** Sees to it that the generator of a process stands where the process does. */
  prepare(id: number): void {
    const to = this.#lengths[id] as number;
    if (this.#fed[id] === to || this.#bodies[id] === noBody) {
      return;
    }
    const point = (this.#points[id] as Point[]).at(-1);
    const results = this.#results[id] as unknown[];
    const body = point === undefined ? (this.#bodies[id] as () => Flow<void>) : point.checkpoint.resume;
    this.#stepper.rebuild(id, body, { results, from: point?.length ?? 0, to });
    this.#fed[id] = to;
  }

  /** The results themselves, for searches that take no chance on a hash. */
  exactKey(): string {
    return this.#results
      .map((results, id) => {
        if (this.#stepper.processes.operations[id] === undefined) {
          return 'done';
        }
        const point = (this.#points[id] as Point[]).at(-1);
        const since = results.slice(point?.length ?? 0, this.#lengths[id]).map(textOf);
        return `${point?.checkpoint.key ?? ''}:${since.join(',')}`;
      })
      .join(';');
  }

  #setKey(id: number, low: number, high: number): void {
    this.low ^= (this.#keyLow[id] as number) ^ low;
    this.high ^= (this.#keyHigh[id] as number) ^ high;
    this.#keyLow[id] = low;
    this.#keyHigh[id] = high;
  }

  #mix(id: number, result: unknown): void {
    let low = this.#keyLow[id] as number;
    let high = this.#keyHigh[id] as number;
    if (result === undefined) {
      low = mixLow(low, 1);
      high = mixHigh(high, 1);
    } else if (typeof result === 'number' && (result | 0) === result) {
      low = mixLow(mixLow(low, 2), result);
      high = mixHigh(mixHigh(high, 2), result);
    } else {
      const text = textOf(result);
      low = mixLow(low, 3);
      high = mixHigh(high, 3);
      for (let i = 0; i < text.length; i += 1) {
        low = mixLow(low, text.charCodeAt(i));
        high = mixHigh(high, text.charCodeAt(i));
      }
    }
    this.#setKey(id, low, high);
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
