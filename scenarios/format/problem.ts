import { closest } from '../../diagnostics/diagnostic.ts';

/** A mistake the schema cannot see: a name that leads nowhere, a flow's argument, two places that contradict. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly part: 'key' | 'value';
  readonly message: string;
  readonly hint?: string;
}

/** A problem with a name, with the nearest known one as the hint. */
export function unknownName(what: string, name: string, known: readonly string[]): { message: string; hint: string } {
  const near = closest(name, known);
  const hint = near === undefined ? `known: ${known.join(', ') || 'none'}` : `did you mean "${near}"?`;
  return { message: `unknown ${what} "${name}"`, hint };
}

/** A problem if `name` is none of the known ones. */
export function reference(
  what: string,
  name: string,
  known: readonly string[],
  path: readonly PropertyKey[],
): readonly Problem[] {
  return known.includes(name) ? [] : [{ path, part: 'value', ...unknownName(what, name, known) }];
}

/** A problem with the value at a path. */
export function wrong(path: readonly PropertyKey[], message: string, hint?: string): Problem {
  return { path, part: 'value', message, ...(hint === undefined ? {} : { hint }) };
}
