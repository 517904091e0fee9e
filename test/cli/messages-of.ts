import { expect } from 'vitest';
import { exitCodes } from '../../cli/exit-codes.ts';
import { type CliWorld, raceYaml } from './cli-world.ts';

const maxMs = 2000;

/** `check` of one file: stderr without its name and the source lines, and the promises that hold for all. */
export async function messagesOf(world: CliWorld, file: string): Promise<readonly string[]> {
  const begin = process.cpuUsage();
  const { exitCode, stdout, stderr } = await world.run(['check', file]);
  // Processor time: how long a busy machine makes it wait says nothing about the file.
  const { user, system } = process.cpuUsage(begin);
  expect((user + system) / 1000).toBeLessThan(maxMs);
  expect([exitCode, stdout]).toEqual([
    exitCodes.invalidInput,
    expect.stringMatching(/^0 files, 0 cases ok, \d+ errors?\n$/),
  ]);
  expect(stderr).not.toContain('    at ');
  const lines = stderr.replaceAll(file, 'FILE').trimEnd().split('\n');
  return lines.filter((line) => !/^ *\d* \|/.test(line));
}

/** The race with one part replaced. */
export const changed = (from: string, to: string): string => {
  expect(raceYaml).toContain(from);
  return raceYaml.replace(from, () => to);
};
