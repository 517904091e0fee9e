import { z } from 'zod';
import { scenarioSchema, worldKeys } from './schema.ts';

const variableReference = { $ref: '#/definitions/variable' };

/**
 * JSON Schema (draft 7, which editors understand best) of a scenario file. Any value may also be a variable of its
 * case, so every place takes text of the form `$name` too.
 */
export function scenarioJsonSchema(): object {
  const schema = z.toJSONSchema(scenarioSchema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema, path }) => {
      if (zodSchema._zod.def.type === 'bigint') {
        // JSON Schema has no word for it, but its integers have no end either; only the upper bound would be rounded.
        Object.assign(jsonSchema, { type: 'integer', minimum: 0 });
      }
      // Variables stand for values, not for keys, and of the frame nothing is filled in.
      const isFilledIn = path[0] === 'properties' && worldKeys.includes(String(path[1]));
      if (!isFilledIn || path.at(-1) === 'propertyNames' || path.at(-2) === 'anyOf') {
        return;
      }
      if (jsonSchema.anyOf !== undefined) {
        jsonSchema.anyOf.push(variableReference);
        return;
      }
      const { description, default: fallback, ...rest } = jsonSchema;
      for (const key of Object.keys(jsonSchema)) {
        delete jsonSchema[key];
      }
      Object.assign(jsonSchema, {
        ...(description === undefined ? {} : { description }),
        ...(fallback === undefined ? {} : { default: fallback }),
        anyOf: [rest, variableReference],
      });
    },
  });
  const variable = { type: 'string', pattern: '^\\$[a-zA-Z][a-zA-Z0-9_-]*$' };
  const { whole, shared } = shareRepeated({ title: 'tornread scenario', ...schema });
  return { ...whole, definitions: { variable, ...shared } };
}

/** Shorter than this, a reference saves nothing. */
const leastShared = 400;

type Visit = (schema: unknown) => unknown;

/**
 * Steps may stand inside each other, so a schema of their parts comes many times over: each part that does, and is not
 * short, becomes a definition.
 */
function shareRepeated(schema: object): { readonly whole: object; readonly shared: Readonly<Record<string, object>> } {
  const counts = new Map<string, number>();
  const count: Visit = (part) => {
    const text = JSON.stringify(part);
    const seen = counts.get(text) ?? 0;
    counts.set(text, seen + 1);
    // What stands inside a part that was seen before is repeated with it, not by itself.
    return seen === 0 ? mapParts(part, count) : part;
  };
  count(schema);
  const names = new Map<string, string>();
  const shared: Record<string, object> = {};
  const share: Visit = (part) => {
    const text = JSON.stringify(part);
    if (text.length < leastShared || (counts.get(text) ?? 0) < 2) {
      return mapParts(part, share);
    }
    const name = names.get(text) ?? `shared${names.size + 1}`;
    if (!names.has(text)) {
      names.set(text, name);
      shared[name] = mapParts(part, share) as object;
    }
    return { $ref: `#/definitions/${name}` };
  };
  return { whole: share(schema) as object, shared };
}

/** A schema with each schema directly inside it replaced. */
function mapParts(schema: unknown, visit: Visit): unknown {
  if (typeof schema !== 'object' || schema === null) {
    return schema;
  }
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]: [string, unknown]) => {
      switch (key) {
        case 'properties':
          return [key, Object.fromEntries(Object.entries(value as object).map(([name, part]) => [name, visit(part)]))];
        case 'anyOf':
        case 'allOf':
        case 'items':
          return [key, Array.isArray(value) ? value.map(visit) : visit(value)];
        case 'additionalProperties':
          return [key, visit(value)];
        default:
          return [key, value];
      }
    }),
  );
}
