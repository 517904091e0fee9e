import { Piscina } from 'piscina';
import { InternalError } from '../../sim/assert.ts';
import type { SupervisedTask, TaskEnd, TaskTable, ThrownError, WorkerLimits } from './protocol.ts';

/** Worker processes that do named tasks on plain data. One that dies ends its task and is replaced for the next. */
export class WorkerPool<Tasks extends TaskTable> {
  readonly #piscina: Piscina;
  readonly #limits: WorkerLimits;
  readonly #stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

  constructor(jobs: number, limits: WorkerLimits) {
    this.#limits = limits;
    this.#piscina = new Piscina({
      filename: new URL('./supervisor.js', import.meta.url).href,
      minThreads: jobs,
      maxThreads: jobs,
      // A supervisor has to hear of its process between tasks, so it may not block while it waits for one.
      atomics: 'disabled',
      execArgv: [],
      recordTiming: false,
    });
  }

  run<K extends keyof Tasks & string>(kind: K, data: Tasks[K]['data']): Promise<TaskEnd<Tasks[K]['result']>> {
    const task: SupervisedTask = { kind, data, limits: this.#limits, stop: this.#stop };
    return this.#piscina.run(task);
  }

  /** Ends all worker processes: the tasks that run end as `died`. */
  stop(): void {
    Atomics.store(this.#stop, 0, 1);
  }

  /** Idle worker processes end as soon as their supervisor has. */
  async close(): Promise<void> {
    await this.#piscina.destroy();
  }
}

/** The exception of a worker as if it had been thrown here, so that one thread and many say the same. */
export function errorOf({ name, message, stack, isInternal }: ThrownError): Error {
  const error = isInternal ? new InternalError(message) : Object.assign(new Error(message), { name });
  return Object.assign(error, { stack });
}
