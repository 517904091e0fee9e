// A thread of the pool: it has one worker process, gives it the tasks it gets itself, and outlives it. See
// docs/decisions/0010-workers-are-processes.md.
import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { noStep, type SupervisedTask, type TaskAnswer, type TaskEnd, type WorkerLimits } from './protocol.ts';

/** Time between two looks at a busy process. */
const lookEveryMs = 50;
/** Of what a process writes on stderr the last part is kept: node says there what it died of. */
const keptTextLength = 16_384;

let worker: WorkerProcess | undefined;

export default async function supervise(task: SupervisedTask): Promise<TaskEnd<unknown>> {
  if (worker === undefined || worker.hasEnded) {
    worker = new WorkerProcess(task.limits);
  }
  return worker.run(task);
}

class WorkerProcess {
  hasEnded = false;
  readonly #limits: WorkerLimits;
  readonly #steps = new StepFile();
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  #reason = '';
  #lastStep = noStep;
  #text = '';

  constructor(limits: WorkerLimits) {
    this.#limits = limits;
    this.#process = fork(limits.workerFile, {
      execArgv: [`--max-old-space-size=${limits.memoryMb}`],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc', this.#steps.descriptor],
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#text = (this.#text + text).slice(-keptTextLength);
    });
    this.#ended = new Promise((resolve) => {
      const end = (reason: string): void => {
        if (!this.hasEnded) {
          this.hasEnded = true;
          this.#reason ||= reason;
          this.#lastStep = this.#steps.read();
          this.#steps.close();
          resolve();
        }
      };
      this.#process.on('error', (error) => end(`its worker process failed: ${error.message}`));
      this.#process.on('close', (code, signal) => end(this.#endText(code, signal)));
    });
  }

  async run({ kind, data, stop }: SupervisedTask): Promise<TaskEnd<unknown>> {
    this.#steps.write(noStep);
    const answered = this.#answerTo({ kind, data });
    const over = new AbortController();
    const watched = this.#watch(stop, over.signal);
    const answer = await Promise.race([answered, this.#ended]);
    over.abort();
    await watched;
    if (answer !== undefined) {
      return answer;
    }
    return { end: 'died', step: this.#lastStep === noStep ? undefined : this.#lastStep, reason: this.#reason };
  }

  #answerTo(message: { readonly kind: string; readonly data: unknown }): Promise<TaskAnswer> {
    return new Promise((resolve) => {
      this.#process.once('message', (answer) => resolve(answer as TaskAnswer));
      // A process that has just died takes no message; that it has is what #ended says.
      this.#process.send(message, () => {});
    });
  }

  /** Ends the process when it takes too long for one step, or when the pool is to stop. */
  async #watch(stop: Int32Array, over: AbortSignal): Promise<void> {
    let [step, sinceMs] = [noStep, performance.now()];
    for (;;) {
      await sleep(lookEveryMs, undefined, { signal: over }).catch(() => {});
      if (over.aborted) return;
      const [now, nowMs] = [this.#steps.read(), performance.now()];
      if (now !== step) [step, sinceMs] = [now, nowMs];
      if (Atomics.load(stop, 0) !== 0) {
        this.#kill('stopped');
      } else if (nowMs - sinceMs >= this.#limits.stepTimeoutMs) {
        this.#kill(`it did not end within ${this.#limits.stepTimeoutMs / 1000} s, so its worker process was ended`);
      }
    }
  }

  #kill(reason: string): void {
    this.#reason ||= reason;
    this.#process.kill('SIGKILL');
  }

  #endText(code: number | null, signal: NodeJS.Signals | null): string {
    if (this.#text.includes('heap out of memory')) {
      return `its worker process ran out of memory (${this.#limits.memoryMb} MB)`;
    }
    if (signal !== null) {
      return `its worker process was killed (${signal})`;
    }
    const said = /^\w*Error: .*$/m.exec(this.#text)?.[0];
    return `its worker process ended with exit code ${code}${said === undefined ? '' : `: ${said}`}`;
  }
}

/** A file without a name that the worker process writes and its supervisor reads: it survives either. */
class StepFile {
  readonly descriptor: number;
  readonly #value = new Float64Array(1);
  readonly #bytes = new Uint8Array(this.#value.buffer);

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), 'tornread-worker-'));
    this.descriptor = openSync(join(folder, 'step'), 'w+');
    rmSync(folder, { recursive: true });
  }

  read(): number {
    readSync(this.descriptor, this.#bytes, 0, this.#bytes.length, 0);
    return this.#value[0] as number;
  }

  write(step: number): void {
    this.#value[0] = step;
    writeSync(this.descriptor, this.#bytes, 0, this.#bytes.length, 0);
  }

  close(): void {
    closeSync(this.descriptor);
  }
}
