import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { exploreLitmus, type LitmusOutcome } from '../../../litmus/explore-litmus.ts';
import { parseLitmus } from '../../../litmus/parse-litmus.ts';
import type { Architecture, LitmusTest } from '../../../litmus/program.ts';
import type { MemoryModelName } from '../../../models/memory/memory-model.ts';
import type { Dialect } from './dialect.ts';
import { cycleOf } from './names.ts';
import { corpusDirectory, expectedVerdict, readVerdicts, type Verdict } from './verdicts.ts';

const docs = fileURLToPath(new URL('../../../docs/memory-models.md', import.meta.url));

interface CorpusOptions {
  readonly architecture: Architecture;
  readonly dialect: Dialect;
  /** The model that the published verdicts are for, as far as there is one here. */
  readonly model: MemoryModelName;
  /** A model that must disagree with some of the verdicts, or they would tell nothing. */
  readonly wrongModel: MemoryModelName;
  readonly count: number;
  readonly handWrittenCount: number;
}

/** The shipped tests of one architecture: their files are what the generator makes, and their verdicts the published ones. */
export function corpusSuite(options: CorpusOptions): void {
  const { architecture, dialect, model, wrongModel } = options;
  const { sources, tests } = readVerdicts(architecture);
  const published = Object.entries(tests);
  const names = published.map(([name]) => name);
  const generated = published.filter(([, { handWritten }]) => handWritten === undefined);

  describe(`the ${architecture} corpus`, () => {
    it('has its files, each with one published verdict, and at least 150', () => {
      const files = readdirSync(corpusDirectory(architecture)).filter((file) => file !== 'verdicts.yaml');
      expect(files.sort()).toEqual(names.map((name) => `${name}.litmus`).sort());
      expect(names.length).toBe(options.count);
      expect(names.length).toBeGreaterThanOrEqual(150);
      expect(names.length - generated.length).toBe(options.handWrittenCount);
    });

    it('cites only sources it names, and names only those it cites', () => {
      const cited = new Set(published.map(([, { source }]) => source));
      expect([...cited].sort()).toEqual(Object.keys(sources).sort());
    });

    it('is counted in docs/memory-models.md', () => {
      const entries = Object.values(tests);
      const ofVerdict = (verdict: Verdict): number => entries.filter((entry) => entry.verdict === verdict).length;
      const verdicts = [ofVerdict('Never'), ofVerdict('Sometimes'), ofVerdict('Always')].join(' / ');
      const leftOut = entries.filter((entry) => expectedVerdict(entry) !== entry.verdict).length;
      const withStates = entries.filter(({ states }) => states !== undefined).length;
      const cells = [`\`${architecture}\``, `\`${model}\``, names.length, verdicts, leftOut, withStates];
      expect(readFileSync(docs, 'utf8')).toContain(`| ${cells.join(' | ')} |`);
    });

    it('has an outcome left out only where it is published as possible', () => {
      const leftOut = published.filter(([, entry]) => expectedVerdict(entry) !== entry.verdict);
      const marked = published.filter(([, entry]) => entry.loadBuffering ?? entry.multiCopyAtomic);
      expect(leftOut.map(([name]) => name)).toEqual(marked.map(([name]) => name));
      expect(leftOut.filter(([, { verdict }]) => verdict !== 'Sometimes')).toEqual([]);
    });

    it.each(generated.map(([name]) => name))('%s is what its name says', async (name) => {
      const text = dialect.print(name, cycleOf(name, dialect.words));
      await expect(text).toMatchFileSnapshot(`${corpusDirectory(architecture)}${name}.litmus`);
    });

    it.each(published)(`%s is as published under ${model}`, (name, entry) => {
      const outcome = explore(readTest(architecture, name), model);
      expect(outcome.verdict).toBe(expectedVerdict(entry));
      if (entry.states !== undefined) {
        // The published set, without the one outcome that is left out.
        expect(outcome.states.length).toBe(entry.loadBuffering === undefined ? entry.states : entry.states - 1);
      }
    });

    it(`tells ${model} from ${wrongModel}`, () => {
      const enough = 10;
      let differences = 0;
      for (const [name, entry] of published) {
        const differs = explore(readTest(architecture, name), wrongModel).verdict !== expectedVerdict(entry);
        differences += differs ? 1 : 0;
        if (differences === enough) {
          break;
        }
      }
      expect(differences).toBe(enough);
    });
  });
}

export function readTest(architecture: Architecture, name: string): LitmusTest {
  const file = `${corpusDirectory(architecture)}${name}.litmus`;
  const result = parseLitmus(readFileSync(file, 'utf8'), file);
  if ('problems' in result) {
    throw new Error(result.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`).join('\n'));
  }
  expect(result.test.name).toBe(name);
  expect(result.test.architecture).toBe(architecture);
  return result.test;
}

export function explore(test: LitmusTest, model: MemoryModelName): LitmusOutcome {
  const outcome = exploreLitmus(test, model);
  expect(outcome.complete).toBe(true);
  return outcome;
}
