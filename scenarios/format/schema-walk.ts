import type { z } from 'zod';
import { entryOf, nodeAt, type YamlNode } from './yaml-node.ts';

type AnySchema = z.core.$ZodType;

/**
 * The schemas that may apply at a path below `node`; several where the path goes through a union whose branches `node`
 * does not tell apart. Empty where the schema says nothing.
 */
export function schemasAt(
  schemas: readonly AnySchema[],
  path: readonly PropertyKey[],
  node: YamlNode | undefined,
): readonly AnySchema[] {
  let here = schemas;
  let nodeHere = node;
  for (const step of path) {
    here = fitting(bare(here), nodeHere).flatMap((schema) => inner(schema, step));
    nodeHere = nodeHere === undefined ? undefined : nodeAt(nodeHere, [step]);
  }
  return here;
}

/** The options of the union that failed, which has as many as the failure has branches; undefined if none has. */
export function unionOptions(schemas: readonly AnySchema[], branchCount: number): readonly AnySchema[] | undefined {
  return layers(schemas)
    .map((schema) => (schema._zod.def.type === 'union' ? schema._zod.def.options : []))
    .find((options) => options.length === branchCount);
}

/**
 * The keys that a mapping may have at this place, in the order of the schema. Of several forms only those count that
 * know most of the keys it has.
 */
export function knownKeys(schemas: readonly AnySchema[], node: YamlNode | undefined): readonly string[] {
  const forms = fitting(bare(schemas), node).flatMap(({ _zod: { def } }) =>
    def.type === 'object' ? [Object.keys(def.shape)] : [],
  );
  const scores = forms.map((keys) => keys.filter((key) => entryOf(node, key) !== undefined).length);
  const best = scores.reduce((highest, each) => Math.max(highest, each), 0);
  return [...new Set(forms.filter((_, index) => scores[index] === best).flat())];
}

/** The words that a value may be at this place: those of enums and literals. */
export function knownValues(schemas: readonly AnySchema[]): readonly z.core.util.Primitive[] {
  const values = bare(schemas).flatMap((schema) => {
    const { def } = schema._zod;
    return def.type === 'enum' || def.type === 'literal' ? [...(schema._zod.values ?? [])] : [];
  });
  return [...new Set(values)];
}

/** Whether only whole numbers are meant: zod reports text there as "not a number". */
export function wantsWholeNumber(schemas: readonly AnySchema[]): boolean {
  const numbers = bare(schemas).filter((schema) => schema._zod.def.type === 'number');
  return numbers.length > 0 && numbers.every(isWhole);
}

function isWhole({ _zod: { def } }: z.core.$ZodTypes): boolean {
  const formats = [def, ...(def.checks ?? []).map((check) => check._zod.def)];
  return formats.some((each) => 'format' in each && /int/.test(String(each.format)));
}

/** Wrappers (optional, default, lazy, pipe …) taken off and the branches of a union side by side. */
function bare(schemas: readonly AnySchema[]): readonly z.core.$ZodTypes[] {
  return layers(schemas).filter((schema) => outerParts(schema).length === 0);
}

/** Every schema met while taking wrappers off, each once: a lazy schema may lead back to itself. */
function layers(schemas: readonly AnySchema[]): readonly z.core.$ZodTypes[] {
  const seen = new Set<AnySchema>();
  const visit = (schema: AnySchema): void => {
    if (!seen.has(schema)) {
      seen.add(schema);
      outerParts(schema).forEach(visit);
    }
  };
  schemas.forEach(visit);
  // zod's own way to tell kinds apart by def.type: every schema that it makes is one of $ZodTypes.
  return [...seen] as z.core.$ZodTypes[];
}

/** What a wrapper wraps; nothing for a schema that stands for itself. */
function outerParts(schema: AnySchema): readonly AnySchema[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return [def.innerType];
    case 'pipe':
      // A preprocessing step says nothing about the shape; what follows it does.
      return [(def.in as z.core.$ZodTypes)._zod.def.type === 'transform' ? def.out : def.in];
    case 'lazy':
      return [def.getter()];
    case 'union':
      return def.options;
    case 'intersection':
      return [def.left, def.right];
    default:
      return [];
  }
}

/** The branches that the mapping's own words (`model: vtd`) choose; all of them if they choose none. */
function fitting(schemas: readonly z.core.$ZodTypes[], node: YamlNode | undefined): readonly z.core.$ZodTypes[] {
  const fits = schemas.filter(({ _zod: { def } }) => {
    const members = def.type === 'object' ? Object.entries(def.shape) : [];
    return members.every(([key, member]) => {
      const value = entryOf(node, key)?.value;
      const { values } = member._zod;
      return value?.kind !== 'scalar' || values === undefined || values.has(value.value);
    });
  });
  return fits.length > 0 ? fits : schemas;
}

function inner(schema: z.core.$ZodTypes, step: PropertyKey): readonly AnySchema[] {
  const { def } = schema._zod;
  switch (def.type) {
    case 'object': {
      const member = Object.hasOwn(def.shape, step) ? def.shape[String(step)] : def.catchall;
      return member === undefined ? [] : [member];
    }
    case 'record':
      return [def.valueType];
    case 'array':
      return [def.element];
    case 'tuple': {
      const item = def.items[Number(step)] ?? def.rest;
      return item === null ? [] : [item];
    }
    default:
      return [];
  }
}
