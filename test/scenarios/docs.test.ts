import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { flows, reachMarks, rules } from '../../scenarios/catalog.ts';
import { scenarioJsonSchema } from '../../scenarios/format/json-schema.ts';

const page = 'docs/scenario-format.md';
const text = readFileSync(fileURLToPath(new URL(`../../${page}`, import.meta.url)), 'utf8');
/** Words in code: between backticks, and in blocks between fences. */
const inBlocks = [...text.matchAll(/^```[^\n]*\n(.*?)^```/gms)].map(([, block]) => block ?? '');
const inLines = [...text.replaceAll(/^```.*?^```/gms, '').matchAll(/`([^`]+)`/g)].map(([, words]) => words ?? '');
const quoted = new Set([...inBlocks, ...inLines].flatMap((code) => code.split(/[^\w/-]+/)));

function missing(names: readonly string[]): readonly string[] {
  return [...new Set(names)].filter((name) => !quoted.has(name));
}

/** Every key that an author can write, wherever in the schema it stands. */
function keysOf(schema: unknown): readonly string[] {
  if (typeof schema !== 'object' || schema === null) {
    return [];
  }
  return Object.entries(schema).flatMap(([key, value]: [string, unknown]) =>
    key === 'properties' && typeof value === 'object' && value !== null
      ? [...Object.keys(value), ...Object.values(value).flatMap(keysOf)]
      : keysOf(value),
  );
}

describe(page, () => {
  it('was really read', () => {
    expect(keysOf(scenarioJsonSchema()).length).toBeGreaterThan(100);
    expect(missing(['no-such-key'])).toEqual(['no-such-key']);
  });

  it('has every key of the schema', () => {
    expect(missing(keysOf(scenarioJsonSchema()))).toEqual([]);
  });

  it('has every rule', () => {
    expect(missing(rules.map(({ rule }) => rule))).toEqual([]);
  });

  it('has every state of reach', () => {
    expect(missing(reachMarks.map(({ name }) => name))).toEqual([]);
  });

  it('has every flow, with its parameters', () => {
    expect(missing(flows.flatMap(({ name, parameters }) => [name, ...Object.keys(parameters)]))).toEqual([]);
  });
});
