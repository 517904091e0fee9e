#!/usr/bin/env node
// The edge of the process: arguments, streams, signals, exit code. Everything else is imported when it is needed, so
// that `--version` costs no more than node itself.
import type { Interruption } from './io.ts';
import { toolInfo } from './package-info.ts';

const argv = process.argv.slice(2);

if (argv[0] === '--version') {
  process.stdout.write(`${toolInfo().version}\n`);
} else {
  ignoreClosedPipe();
  const interruption = watchSignals();
  const { main } = await import('./command-line.ts');
  const { stdout, stderr, env } = process;
  process.exitCode = await main(argv, { stdout, stderr, env, interruption });
}

/** A reader such as `head` may have seen enough: that is no error, and the exit code stays the result's. */
function ignoreClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}

/** The first signal asks for the results so far; the second finds no handler and kills. */
function watchSignals(): Interruption {
  const interruption: { signal: Interruption['signal'] } = { signal: undefined };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const onSignal = (signal: NodeJS.Signals): void => {
    interruption.signal = signal === 'SIGTERM' ? 'SIGTERM' : 'SIGINT';
    for (const each of signals) process.removeListener(each, onSignal);
  };
  for (const each of signals) process.on(each, onSignal);
  return interruption;
}
