import { z } from 'zod';
import { scenarioSchema } from './schema.ts';

/**
 * JSON Schema (draft 7, which editors understand best) of a scenario file. Any value may also be a variable of its
 * case, so every place takes text of the form `$name` too.
 */
export function scenarioJsonSchema(): object {
  const schema = z.toJSONSchema(scenarioSchema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      if (jsonSchema.type === 'object' || jsonSchema.type === 'array' || jsonSchema.anyOf !== undefined) {
        return;
      }
      const { description, default: fallback, ...rest } = jsonSchema;
      for (const key of Object.keys(jsonSchema)) {
        delete jsonSchema[key];
      }
      Object.assign(jsonSchema, {
        ...(description === undefined ? {} : { description }),
        ...(fallback === undefined ? {} : { default: fallback }),
        anyOf: [rest, { type: 'string', pattern: '^\\$[a-zA-Z][a-zA-Z0-9_-]*$' }],
      });
    },
  });
  return { title: 'tornread scenario', ...schema };
}
