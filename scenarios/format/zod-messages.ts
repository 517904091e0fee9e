import type { z } from 'zod';
import { closest, quote } from '../../diagnostics/diagnostic.ts';
import { wantsWholeNumber } from './schema-walk.ts';
import type { YamlNode } from './yaml-node.ts';

/** What is wrong with one value or key, in words. */
interface Problem {
  readonly message: string;
  readonly hint?: string;
}

/** The part of the file that an issue is about. */
interface Found {
  /** What the message calls it: the key that names it. */
  readonly name: string;
  readonly node: YamlNode | undefined;
  readonly schemas: readonly z.core.$ZodType[];
}

const maxListed = 12;

const typeNames: ReadonlyMap<string, string> = new Map([
  ['string', 'text'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['bigint', 'a whole number'],
  ['boolean', 'true or false'],
  ['array', 'a list'],
  ['tuple', 'a list'],
  ['object', 'a mapping'],
  ['record', 'a mapping'],
  ['map', 'a mapping'],
  ['null', 'nothing'],
  ['never', 'nothing'],
]);

/** The words for a type that an issue expected. */
export function typeName(expected: string, schemas: readonly z.core.$ZodType[]): string {
  const exact = expected === 'number' && wantsWholeNumber(schemas) ? 'int' : expected;
  return typeNames.get(exact) ?? expected;
}

/** A value as a message names it. A number is shown as written: 0x10, not 16. */
export function describe(node: YamlNode | undefined): string {
  if (node?.kind !== 'scalar') {
    return node?.kind === 'list' ? 'a list' : node?.kind === 'map' ? 'a mapping' : 'nothing';
  }
  if (node.value === null) {
    return 'nothing';
  }
  return typeof node.value === 'string' ? quote(node.value) : node.source.slice(0, 200);
}

/** What a message calls the value at a path. */
export function nameOf(path: readonly PropertyKey[]): string {
  const last = path.at(-1);
  if (last === undefined) {
    return 'the scenario';
  }
  const parent = path.at(-2);
  if (typeof last === 'number') {
    return `item ${last + 1}${parent === undefined ? '' : ` of ${quote(String(parent))}`}`;
  }
  return quote(String(last));
}

/** The message for an issue about a value, other than a union and unknown keys. */
export function valueProblem(issue: z.core.$ZodIssue, found: Found): Problem {
  // Our wording is for zod's own messages; where the schema's author has written one, that is the better one.
  if (!/^(?:Invalid|Too big|Too small|Unrecognized)/.test(issue.message)) {
    return { message: issue.message };
  }
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, found);
    case 'invalid_value':
      return notOneOf(issue.values, found);
    case 'too_small':
      return outOfBounds(issue, issue.minimum, issue.inclusive === false ? 'more than' : 'at least', found);
    case 'too_big':
      return outOfBounds(issue, issue.maximum, issue.inclusive === false ? 'less than' : 'at most', found);
    case 'not_multiple_of':
      return { message: `${found.name} must be a multiple of ${issue.divisor}, got ${describe(found.node)}` };
    case 'invalid_format': {
      const form = issue.format === 'regex' ? `text like ${issue.pattern ?? ''}` : issue.format;
      return { message: `${found.name} must be ${form}, got ${describe(found.node)}` };
    }
    default:
      return { message: `${found.name}: ${issue.message}` };
  }
}

/** The message for a value that is none of those allowed. */
export function notOneOf(values: readonly z.core.util.Primitive[], { name, node }: Found): Problem {
  const allowed = values.length === 1 ? listValues(values) : `one of ${listValues(values)}`;
  if (node?.kind !== 'scalar' || node.value === null) {
    return { message: `expected ${allowed}, got ${describe(node)}` };
  }
  const message = `${describe(node)} is not a value of ${name}; expected ${allowed}`;
  const meant = closest(
    node.source,
    values.filter((value) => typeof value === 'string'),
  );
  return meant === undefined ? { message } : { message, hint: `did you mean ${quote(meant)}?` };
}

/** The message for a key that the key's own schema refuses. */
export function keyProblem(key: string, { issues }: z.core.$ZodIssueInvalidKey): Problem {
  const [first] = issues;
  if (first === undefined || /^(?:Invalid|Too)/.test(first.message)) {
    const values = first?.code === 'invalid_value' ? first.values : [];
    const meant = closest(
      key,
      values.filter((value) => typeof value === 'string'),
    );
    const pattern =
      first?.code === 'invalid_format' && first.pattern !== undefined
        ? `a key is text like ${first.pattern}`
        : undefined;
    const hint =
      meant !== undefined
        ? `did you mean ${quote(meant)}?`
        : values.length > 0
          ? `it can be ${listValues(values)}`
          : pattern;
    return { message: `${quote(key)} cannot be a key here`, ...(hint === undefined ? {} : { hint }) };
  }
  return { message: `${quote(key)} cannot be a key here: ${first.message}` };
}

/** Allowed values, as they would be written. */
export function listValues(values: readonly z.core.util.Primitive[]): string {
  return shorten(values.map((value) => (typeof value === 'string' ? quote(value) : String(value))));
}

/** The first few of many words. */
export function shorten(words: readonly string[]): string {
  const shown = words.slice(0, maxListed).join(', ');
  return words.length > maxListed ? `${shown} and ${words.length - maxListed} more` : shown;
}

/** `a`, `a or b`, `a, b or c`. */
export function joinOr(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function wrongType(expected: string, { name, node, schemas }: Found): Problem {
  const wanted = typeName(expected, schemas);
  if (node?.kind === 'scalar') {
    if (typeof node.value === 'bigint' && (expected === 'number' || expected === 'int')) {
      return { message: `expected a whole number of at most 53 bits, got ${describe(node)}` };
    }
    if (expected === 'string' && node.value !== null) {
      return { message: `expected text, got ${describe(node)}`, hint: `quote it: ${quote(node.source)}` };
    }
    if (
      wanted.endsWith('number') &&
      typeof node.value === 'string' &&
      /^(?:-?[0-9]+|0x[0-9a-fA-F]+)$/.test(node.value)
    ) {
      return { message: `expected ${wanted}, got the text ${describe(node)}`, hint: 'remove the quotes' };
    }
    if (node.value === null) {
      return { message: `${name} has no value; expected ${wanted}` };
    }
  }
  return { message: `expected ${wanted}, got ${describe(node)}` };
}

function outOfBounds(
  issue: { readonly origin: string; readonly exact?: boolean },
  bound: number | bigint,
  relation: string,
  { name, node }: Found,
): Problem {
  const limit = `${issue.exact === true ? 'exactly' : relation} ${bound}`;
  if (node?.kind === 'list') {
    return { message: `${name} must have ${limit} ${plural(bound, 'item')}, got ${node.items.length}` };
  }
  if (node?.kind === 'map') {
    return { message: `${name} must have ${limit} ${plural(bound, 'key')}, got ${node.entries.length}` };
  }
  if (issue.origin === 'string') {
    return { message: `${name} must have ${limit} ${plural(bound, 'character')}, got ${describe(node)}` };
  }
  // Whoever writes in hexadecimal compares in hexadecimal.
  const isHex =
    node?.kind === 'scalar' && node.source.startsWith('0x') && bound >= 0 && Number.isInteger(Number(bound));
  return { message: `${name} must be ${limit}${isHex ? ` (0x${bound.toString(16)})` : ''}, got ${describe(node)}` };
}

function plural(count: number | bigint, word: string): string {
  return Number(count) === 1 ? word : `${word}s`;
}
