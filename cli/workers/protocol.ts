/** What a pool can do: for each kind of task its data and its result, both plain. */
export type TaskTable<Kinds extends string = string> = Readonly<
  Record<Kinds, { readonly data: unknown; readonly result: unknown }>
>;

/** A task as it travels to a worker process. */
export interface TaskMessage {
  readonly kind: string;
  readonly data: unknown;
}

/** What a worker process answers. */
export type TaskAnswer =
  | { readonly end: 'done'; readonly result: unknown }
  | { readonly end: 'failed'; readonly error: ThrownError };

/** An exception of another process. */
export interface ThrownError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** Whether it is an InternalError of sim/: a broken assertion of ours. */
  readonly isInternal: boolean;
}

/** How a task ended: with a result, with an exception, or together with its worker process. */
export type TaskEnd<Result> =
  | { readonly end: 'done'; readonly result: Result }
  | { readonly end: 'failed'; readonly error: ThrownError }
  | {
      readonly end: 'died';
      /** The step the task said last that it begins; undefined: none. */
      readonly step: number | undefined;
      /** How the process ended, in one sentence. */
      readonly reason: string;
    };

/** What a supervisor is told with each task. */
export interface SupervisedTask extends TaskMessage {
  readonly limits: WorkerLimits;
  /** One word of shared memory; not 0: end the worker process, whatever it does. */
  readonly stop: Int32Array;
}

export interface WorkerLimits {
  /** Module that a worker process runs; it calls serveTasks. */
  readonly workerFile: string;
  /** Heap of a worker process. */
  readonly memoryMb: number;
  /** Wall clock a task may take from one step to the next. */
  readonly stepTimeoutMs: number;
}

/** File descriptor of a worker process in which it notes its step: 8 bytes, a double. */
export const stepFile = 4;
/** No step yet. */
export const noStep = -1;
