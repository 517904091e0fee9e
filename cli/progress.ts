import type { CliIo } from './io.ts';

/** Shows how far a campaign is; nothing of it is part of the result. */
export interface Progress {
  /** The runs done so far in all cases together, and the case that runs now. */
  readonly update: (runsDone: number, caseName: string) => void;
  readonly stop: () => void;
}

/** Some CI systems end a job that says nothing for ten minutes. */
const lineEveryMs = 10_000;

/** A bar where someone can see one; otherwise a line every ten seconds. */
export async function startProgress(io: CliIo, runCount: number): Promise<Progress> {
  const isLive = io.stderr.isTTY === true && (io.env.CI ?? '') === '' && io.env.TERM !== 'dumb';
  return isLive ? startBar(io, runCount) : startLines(io, runCount);
}

export const noProgress: Progress = { update: () => {}, stop: () => {} };

async function startBar(io: CliIo, runCount: number): Promise<Progress> {
  const { default: cliProgress } = await import('cli-progress');
  const bar = new cliProgress.SingleBar({
    format: '{bar} {percentage}% {value}/{total} runs, {name}',
    barsize: 20,
    stream: io.stderr,
    clearOnComplete: true,
    // Signals are ours: an interrupted campaign still prints what it has.
    gracefulExit: false,
  });
  bar.start(runCount, 0, { name: '' });
  return { update: (runsDone, name) => bar.update(runsDone, { name }), stop: () => bar.stop() };
}

function startLines(io: CliIo, runCount: number): Progress {
  let line = '';
  const timer = setInterval(() => io.stderr.write(`tornread: ${line}\n`), lineEveryMs);
  timer.unref();
  return {
    update: (runsDone, name) => {
      line = `${runsDone} of ${runCount} runs, ${name}`;
    },
    stop: () => clearInterval(timer),
  };
}
