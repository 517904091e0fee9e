import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Architecture } from '../../../litmus/program.ts';

const verdict = z.enum(['Never', 'Sometimes', 'Always']);

const entry = z.strictObject({
  /** As published. */
  verdict,
  /** A key of `sources`. */
  source: z.string(),
  /** Where in the source. */
  at: z.string().optional(),
  /** Published number of final states, the outcome left out among them. */
  states: z.int().positive().optional(),
  /** Why the models here do not have the published outcome: a store overtakes an earlier load of its own thread. */
  loadBuffering: z.string().optional(),
  /** Why the model `portable` does not have LKMM's outcome; the file explains the words. */
  multiCopyAtomic: z.enum(['seen-one-by-one', 'coherence-decided-late']).optional(),
  handWritten: z.literal(true).optional(),
});

const verdictFile = z.strictObject({
  sources: z.record(z.string(), z.string()),
  tests: z.record(z.string(), entry),
});

export type Verdict = z.infer<typeof verdict>;
export type PublishedVerdict = z.infer<typeof entry>;

/** litmus/corpus/<architecture>/, with a slash at the end. */
export function corpusDirectory(architecture: Architecture): string {
  return fileURLToPath(new URL(`../../../litmus/corpus/${architecture}/`, import.meta.url));
}

export function readVerdicts(architecture: Architecture): z.infer<typeof verdictFile> {
  return verdictFile.parse(parse(readFileSync(`${corpusDirectory(architecture)}verdicts.yaml`, 'utf8')));
}

/** What the models here must say: the published verdict, without the outcomes that they leave out. */
export function expectedVerdict(published: PublishedVerdict): Verdict {
  const isLeftOut = published.loadBuffering !== undefined || published.multiCopyAtomic !== undefined;
  return isLeftOut ? 'Never' : published.verdict;
}
