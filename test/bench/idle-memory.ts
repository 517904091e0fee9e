import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Arena } from '../../sim/arena.ts';
import { Kernel } from '../../sim/kernel.ts';
import { Delay, type Flow } from '../../sim/operation.ts';
import type { Scheduler } from '../../sim/scheduler.ts';
import { TimedScheduler } from '../../sim/schedulers/timed.ts';
import { UniformScheduler } from './uniform-scheduler.ts';

export interface IdleMemory {
  readonly processCount: number;
  /** All together, and its parts. */
  readonly bytesPerProcess: number;
  readonly heapBytes: number;
  readonly arrayBytes: number;
  /** What it costs more with a random stream for each process, as the scheduler `timed` has. */
  readonly streamBytes: number;
  readonly method: string;
}

/**
 * What a process costs that has begun and waits: its generator, its name, its places in the process table, the arena
 * and the timer queue. The difference of heapUsed and arrayBuffers before building and after the start of a run, each
 * after a full collection.
 */
export function idleMemory(processCount: number): IdleMemory {
  const { heapBytes, arrayBytes } = measure(processCount, new UniformScheduler());
  const timed = measure(processCount, new TimedScheduler());
  return {
    processCount,
    bytesPerProcess: heapBytes + arrayBytes,
    heapBytes,
    arrayBytes,
    streamBytes: timed.heapBytes + timed.arrayBytes - heapBytes - arrayBytes,
    method: 'heapUsed + arrayBuffers, before and after, each after a forced full collection',
  };
}

function measure(processCount: number, scheduler: Scheduler): { heapBytes: number; arrayBytes: number } {
  const collect = garbageCollector();
  collect();
  const before = process.memoryUsage();
  const kernel = idleKernel(processCount);
  kernel.run(scheduler);
  collect();
  const after = process.memoryUsage();
  // Used here once more: without a later use the kernel and the scheduler could be collected before the second look.
  assert.equal(kernel.processNames.length, processCount);
  scheduler.begin();
  return {
    heapBytes: (after.heapUsed - before.heapUsed) / processCount,
    arrayBytes: (after.arrayBuffers - before.arrayBuffers) / processCount,
  };
}

function idleKernel(processCount: number): Kernel {
  // No event is allowed: the run ends when every process has begun and is waiting.
  const kernel = new Kernel(new Arena(), { maxEvents: 0, maxTimeNs: Number.MAX_SAFE_INTEGER, maxRetries: 1 });
  const wait = new Delay(1_000_000, 2_000_000);
  for (let id = 0; id < processCount; id += 1) {
    kernel.addProcess({ name: `process ${id}`, kind: 'engine', body: () => idleForever(wait) });
  }
  kernel.seal();
  return kernel;
}

// One generator function for all, as models have it.
function* idleForever(wait: Delay): Flow {
  for (;;) yield wait;
}

/** With or without --expose-gc on the command line. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = globalThis.gc ?? runInNewContext('gc');
  if (typeof gc !== 'function') {
    throw new Error('this node has no collector to call');
  }
  return () => {
    for (let i = 0; i < 3; i += 1) gc();
  };
}
