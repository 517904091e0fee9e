import type { CliIo } from './io.ts';

/** Shows how far a campaign is; nothing of it is part of the result. */
export interface Progress {
  /** How many of all are done so far, and what is under way now. */
  readonly update: (done: number, text: string) => void;
  readonly stop: () => void;
}

/** Some CI systems end a job that says nothing for ten minutes. */
const lineEveryMs = 10_000;

/** A bar where someone can see one; otherwise a line every ten seconds. */
export async function startProgress(io: CliIo, total: number, unit = 'runs'): Promise<Progress> {
  const isLive = io.stderr.isTTY === true && (io.env.CI ?? '') === '' && io.env.TERM !== 'dumb';
  return isLive ? startBar(io, total, unit) : startLines(io, total, unit);
}

export const noProgress: Progress = { update: () => {}, stop: () => {} };

async function startBar(io: CliIo, total: number, unit: string): Promise<Progress> {
  const { default: cliProgress } = await import('cli-progress');
  const bar = new cliProgress.SingleBar({
    format: `{bar} {percentage}% {value}/{total} ${unit}, {text}`,
    barsize: 20,
    stream: io.stderr,
    clearOnComplete: true,
    // Signals are ours: an interrupted campaign still prints what it has.
    gracefulExit: false,
  });
  bar.start(total, 0, { text: '' });
  return { update: (done, text) => bar.update(done, { text }), stop: () => bar.stop() };
}

function startLines(io: CliIo, total: number, unit: string): Progress {
  let line = '';
  const timer = setInterval(() => io.stderr.write(`tornread: ${line}\n`), lineEveryMs);
  timer.unref();
  return {
    update: (done, text) => {
      line = `${done} of ${total} ${unit}, ${text}`;
    },
    stop: () => clearInterval(timer),
  };
}
