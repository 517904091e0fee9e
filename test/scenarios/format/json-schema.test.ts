import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { z } from 'zod';
import { scenarioJsonSchema } from '../../../scenarios/format/json-schema.ts';
import { scenarioSchema } from '../../../scenarios/format/schema.ts';
import { scenarioTree } from '../scenario-grammar.ts';
import { spoilt, type Tree } from '../scenario-tree.ts';

/*
 * Editors check with the JSON Schema, tornread with zod: an editor must never mark what tornread takes. The other way
 * round the schema cannot say
 *  - minNs <= maxNs, at least 1 and at most 64 tasks, at most 14 domains (refinements of zod),
 *  - the upper bounds 2^64-1 and 2^128-1 (a JSON number of that size is rounded),
 *  - which value a variable has: text of the form $name fits every place,
 * and nothing that check-references.ts finds: names that lead nowhere, parameters of flows, room in memory.
 */
const folder = fileURLToPath(new URL('../../../scenarios', import.meta.url));
const isValid = new Ajv({ strict: false }).compile(scenarioJsonSchema());

const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yaml'));

describe('the JSON Schema', () => {
  it('in the package is the one that is generated', () => {
    const committed = readFileSync(`${folder}/tornread.schema.json`, 'utf8');
    // After a change of the format: npm run build && node dist/cli/main.js schema > scenarios/tornread.schema.json
    expect(JSON.parse(committed)).toEqual(JSON.parse(JSON.stringify(scenarioJsonSchema())));
  });

  it.each(names.sort())('accepts %s', (name) => {
    isValid(parse(readFileSync(`${folder}/${name}`, 'utf8')));
    expect(isValid.errors ?? []).toEqual([]);
  });

  it('has help for an editor', () => {
    const text = JSON.stringify(scenarioJsonSchema());
    expect(text).toContain('"description":"RTADDR.TTM (VT-d 3.4)."');
    expect(text).toContain('"default":"x86-tso"');
  });

  it('refuses a text where a 64-bit value stands', () => {
    const tasks = { t: { cpu: 0, steps: [{ store: { to: 'page1', value: 'text' } }] } };
    expect(isValid({ ...smallest, tasks })).toBe(false);
    expect(isValid({ ...smallest, tasks: { t: { cpu: 0, steps: [{ store: { to: 'page1', value: '$v' } }] } } })).toBe(
      true,
    );
  });

  it('takes variables for values of the machine, never for keys or for the frame', () => {
    expect(isValid({ ...smallest, start: { attach: '$attach' }, domains: '$domains' })).toBe(true);
    expect(isValid({ ...smallest, domains: { $name: { stage: 'first', did: 1 } } })).toBe(false);
    expect(isValid({ ...smallest, cases: '$cases' })).toBe(false);
  });

  it('accepts whatever zod accepts, and refuses what it can say', () => {
    let [accepted, refused] = [0, 0];
    const property = fc.property(spoilt(scenarioTree, 3), (tree) => {
      const { success, error } = scenarioSchema.safeParse(tree);
      const valid = isValid(plain(tree));
      accepted += success ? 1 : 0;
      refused += valid ? 0 : 1;
      if (success) {
        expect(isValid.errors ?? []).toEqual([]);
      } else if (valid) {
        expect(error.issues.filter((issue) => !isBeyondJsonSchema(issue, tree))).toEqual([]);
      }
    });
    fc.assert(property, { seed: 1, numRuns: 4000 });
    expect(accepted).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(500);
  });
});

const smallest = {
  title: 'small',
  source: 'here',
  platform: { iommu: { model: 'vtd' }, devices: {} },
  tasks: { t: { cpu: 0, steps: [{ fence: 'mb' }] } },
  cases: { one: { expect: 'holds' } },
};

function plain(tree: Tree): unknown {
  return JSON.parse(JSON.stringify(tree, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)));
}

function isBeyondJsonSchema(issue: z.core.$ZodIssue, tree: unknown): boolean {
  const value = valueAt(tree, issue.path);
  if (typeof value === 'string' && value.startsWith('$')) {
    return true;
  }
  if (issue.code === 'invalid_union') {
    return issue.errors.some((issues) => issues.every((each) => isBeyondJsonSchema(each, value)));
  }
  return issue.code === 'custom' || (issue.code === 'too_big' && issue.origin === 'bigint');
}

function valueAt(tree: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined),
    tree,
  );
}
