import { Arena } from '../../sim/arena.ts';
import { Kernel } from '../../sim/kernel.ts';
import { Delay, type Flow } from '../../sim/operation.ts';
import { RandomStream } from '../../sim/random.ts';
import { pingSeed, UniformScheduler } from './uniform-scheduler.ts';

/*
 * The ping: N processes, each waits a random 1 to 100 ticks and counts. All forms draw from the
 * same stream in the same order and keep the order (time, sequence), so they do exactly the same work.
 */

const leastTicks = 1;
const mostTicks = 100;
const spread = mostTicks - leastTicks + 1;

export interface Ping {
  readonly name: string;
  /** How often each process has counted in the last run. */
  readonly counts: Float64Array;
  /** A whole run: sets up what each process needs, then takes `events` steps. */
  run(events: number): void;
}

/** Generators on the real kernel behind the real scheduler seam. `events` is a limit of the kernel, so it is fixed. */
export function kernelPing(processCount: number, events: number): Ping {
  const counts = new Float64Array(processCount);
  const arena = new Arena();
  const kernel = new Kernel(arena, { maxEvents: events, maxTimeNs: Number.MAX_SAFE_INTEGER, maxRetries: 1 });
  const wait = new Delay(leastTicks, mostTicks);
  for (let id = 0; id < processCount; id += 1) {
    kernel.addProcess({ name: `process ${id}`, kind: 'engine', body: () => countForever(wait, counts, id) });
  }
  kernel.seal();
  const scheduler = new UniformScheduler();
  return {
    name: 'kernel, drawn times',
    counts,
    run: () => {
      counts.fill(0);
      kernel.run(scheduler);
    },
  };
}

// One generator function for all, as models have: a closure of its own for each would cost 400 bytes a process.
function* countForever(wait: Delay, counts: Float64Array, id: number): Flow {
  for (;;) {
    yield wait;
    (counts[id] as number) += 1;
  }
}

/** A binary heap of process numbers in typed arrays, and one callback for each process. */
export function typedHeapPing(processCount: number): Ping {
  const counts = new Float64Array(processCount);
  const stream = new RandomStream('ping');
  const heap = new Int32Array(processCount + 1);
  const atNs = new Float64Array(processCount);
  const sequence = new Float64Array(processCount);
  let heapLength = 0;
  let nowNs = 0;
  let nextSequence = 0;

  const before = (a: number, b: number): boolean => {
    const atA = atNs[a] as number;
    const atB = atNs[b] as number;
    return atA !== atB ? atA < atB : (sequence[a] as number) < (sequence[b] as number);
  };
  const push = (id: number): void => {
    atNs[id] = nowNs + leastTicks + stream.below(spread);
    sequence[id] = nextSequence++;
    let hole = heapLength++;
    while (hole > 0) {
      const parent = (hole - 1) >>> 1;
      const above = heap[parent] as number;
      if (!before(id, above)) break;
      heap[hole] = above;
      hole = parent;
    }
    heap[hole] = id;
  };
  const pop = (): number => {
    const first = heap[0] as number;
    const last = heap[--heapLength] as number;
    let hole = 0;
    for (;;) {
      let child = hole * 2 + 1;
      if (child >= heapLength) break;
      if (child + 1 < heapLength && before(heap[child + 1] as number, heap[child] as number)) child += 1;
      if (!before(heap[child] as number, last)) break;
      heap[hole] = heap[child] as number;
      hole = child;
    }
    heap[hole] = last;
    return first;
  };

  const callbacks = Array.from({ length: processCount }, (_, id) => () => {
    (counts[id] as number) += 1;
    push(id);
  });
  return {
    name: 'bare heap, typed arrays',
    counts,
    run: (events) => {
      counts.fill(0);
      stream.reseed(pingSeed);
      heapLength = 0;
      nowNs = 0;
      nextSequence = 0;
      for (let id = 0; id < processCount; id += 1) push(id);
      for (let i = 0; i < events; i += 1) {
        const id = pop();
        nowNs = atNs[id] as number;
        (callbacks[id] as () => void)();
      }
    },
  };
}

interface PlainEvent {
  readonly atNs: number;
  readonly sequence: number;
  readonly callback: () => void;
}

/** A binary heap of objects, one made for each event, each with its closure. */
export function plainHeapPing(processCount: number): Ping {
  const counts = new Float64Array(processCount);
  const stream = new RandomStream('ping');
  let heap: PlainEvent[] = [];
  let nowNs = 0;
  let nextSequence = 0;

  const before = (a: PlainEvent, b: PlainEvent): boolean =>
    a.atNs !== b.atNs ? a.atNs < b.atNs : a.sequence < b.sequence;
  const push = (event: PlainEvent): void => {
    let hole = heap.length;
    heap.push(event);
    while (hole > 0) {
      const parent = (hole - 1) >>> 1;
      const above = heap[parent] as PlainEvent;
      if (!before(event, above)) break;
      heap[hole] = above;
      hole = parent;
    }
    heap[hole] = event;
  };
  const pop = (): PlainEvent => {
    const first = heap[0] as PlainEvent;
    const last = heap.pop() as PlainEvent;
    let hole = 0;
    while (heap.length > 0) {
      let child = hole * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as PlainEvent, heap[child] as PlainEvent)) child += 1;
      if (!before(heap[child] as PlainEvent, last)) break;
      heap[hole] = heap[child] as PlainEvent;
      hole = child;
    }
    if (heap.length > 0) heap[hole] = last;
    return first;
  };
  const wait = (id: number): void => {
    const delay = leastTicks + stream.below(spread);
    push({
      atNs: nowNs + delay,
      sequence: nextSequence++,
      callback: () => {
        (counts[id] as number) += 1;
        wait(id);
      },
    });
  };
  return {
    name: 'bare heap, objects and closures',
    counts,
    run: (events) => {
      counts.fill(0);
      stream.reseed(pingSeed);
      heap = [];
      nowNs = 0;
      nextSequence = 0;
      for (let id = 0; id < processCount; id += 1) wait(id);
      for (let i = 0; i < events; i += 1) {
        const event = pop();
        nowNs = event.atNs;
        event.callback();
      }
    },
  };
}
