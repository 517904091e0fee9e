import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export interface SpinResult {
  readonly states: number;
  readonly transitions: number;
  readonly seconds: number;
}

/** SPIN on a model, exact and without reduction; undefined where it or a C compiler is not installed. */
export function spin(model: string, passes: number): SpinResult | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'tornread-spin-'));
  try {
    const run = (command: string, ...args: readonly string[]): string | undefined => {
      const { status, stdout } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
      return status === 0 ? stdout : undefined;
    };
    const isBuilt =
      run('spin', `-DPASSES=${passes}`, '-a', resolve(model)) !== undefined &&
      run('cc', '-O2', '-DNOREDUCE', '-DSAFETY', '-o', 'pan', 'pan.c') !== undefined;
    const start = process.hrtime.bigint();
    const report = isBuilt ? run('./pan', '-m1000', '-w22') : undefined;
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    return report === undefined
      ? undefined
      : { states: numberBefore(report, ' states, stored'), transitions: numberBefore(report, ' transitions'), seconds };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function numberBefore(report: string, words: string): number {
  return Number(/(\d+)$/.exec(report.split(words)[0] ?? '')?.[1]);
}
