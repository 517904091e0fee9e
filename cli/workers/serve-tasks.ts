import { writeSync } from 'node:fs';
import { InternalError } from '../../sim/assert.ts';
import { stepFile, type TaskAnswer, type TaskMessage, type TaskTable, type ThrownError } from './protocol.ts';

/** Notes the step that a task begins: where the process dies, this is what it died of. Costs one small write. */
type NoteStep = (step: number) => void;

export type TaskHandlers<Tasks extends TaskTable> = {
  readonly [K in keyof Tasks]: (data: Tasks[K]['data'], noteStep: NoteStep) => Tasks[K]['result'];
};

/** The main loop of a worker process: does the tasks its supervisor sends, one after the other, until that has gone. */
export function serveTasks<Tasks extends TaskTable>(handlers: TaskHandlers<Tasks>): void {
  // A terminal sends Ctrl-C to all processes of the program; the end is for the main one to say.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
  process.on('disconnect', () => process.exit());
  process.on('message', (message) => {
    const { kind, data } = message as TaskMessage;
    // Nobody may be there any more; then `disconnect` ends us.
    process.send?.(
      answerOf(() => (handlers[kind] as TaskHandlers<TaskTable>[string])(data, noteStep)),
      () => {},
    );
  });
}

function answerOf(work: () => unknown): TaskAnswer {
  try {
    return { end: 'done', result: work() };
  } catch (error) {
    return { end: 'failed', error: thrownError(error) };
  }
}

function thrownError(error: unknown): ThrownError {
  const isInternal = error instanceof InternalError;
  return error instanceof Error
    ? { name: error.name, message: error.message, stack: error.stack ?? '', isInternal }
    : { name: 'Error', message: String(error), stack: '', isInternal };
}

const step = new Float64Array(1);
const stepBytes = new Uint8Array(step.buffer);

function noteStep(number: number): void {
  step[0] = number;
  writeSync(stepFile, stepBytes, 0, stepBytes.length, 0);
}
