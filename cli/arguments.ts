import { InvalidArgumentError } from 'commander';
import { decodeRecording } from '../sim/schedulers/replay.ts';

const seedLimit = 1n << 64n;
/** Far beyond what a machine can run, and still an exact number. */
const maxRuns = 1_000_000_000_000;

/** A seed: decimal or 0x…, 0 to 2^64-1. */
export function parseSeed(text: string): bigint {
  const seed = /^(?:0x[0-9a-f]{1,32}|[0-9]{1,32})$/i.test(text) ? BigInt(text) : seedLimit;
  if (seed >= seedLimit) {
    throw new InvalidArgumentError('A seed is a whole number from 0 to 2^64-1, decimal or 0x...');
  }
  return seed;
}

/** A number of something: decimal, at least 1. */
export function parseCount(text: string): number {
  const count = /^[0-9]{1,15}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > maxRuns) {
    throw new InvalidArgumentError('It must be a whole number of at least 1.');
  }
  return count;
}

/** A time in seconds, with a fraction or without. */
export function parseSeconds(text: string): number {
  const seconds = /^[0-9]{1,6}(?:\.[0-9]{1,3})?$/.test(text) ? Number(text) : 0;
  if (seconds <= 0) {
    throw new InvalidArgumentError('It must be a number of seconds above 0, such as 10 or 0.5.');
  }
  return seconds;
}

/** Checked here only for its form; whether it fits is for the run to say. */
export function parseChoices(text: string): string {
  if (decodeRecording(text) === undefined) {
    throw new InvalidArgumentError('Choices are "w:" or "t:" and numbers in base 36 with dots between, as in w:0.1.a');
  }
  return text;
}

export function parseDigest(text: string): string {
  if (!/^[0-9a-f]{16}$/.test(text)) {
    throw new InvalidArgumentError('A digest is 16 hexadecimal digits.');
  }
  return text;
}

/** For an option that may be given more than once. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
