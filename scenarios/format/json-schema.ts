import { z } from 'zod';
import { scenarioSchema, worldSchema } from './schema.ts';

const worldKeys: ReadonlySet<string> = new Set(Object.keys(worldSchema.shape));

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
      const isFilledIn = path[0] === 'properties' && worldKeys.has(String(path[1]));
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
  return { title: 'tornread scenario', ...schema, definitions: { variable } };
}
