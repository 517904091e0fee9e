import { closest, quote } from '../../diagnostics/diagnostic.ts';
import { LitmusFault } from '../problem.ts';
import type { Token } from './tokens.ts';

/** An instruction, or a function of C, that is not among the known ones; `why` if it is left out on purpose. */
export function unknownMnemonic(
  token: Token,
  known: Iterable<string>,
  why?: string,
  what = 'instruction',
): LitmusFault {
  if (why !== undefined) return new LitmusFault(token, `${quote(token.text)} is not modelled`, why);
  const near = closest(token.text, known);
  return new LitmusFault(
    token,
    `unknown ${what} ${quote(token.text)}`,
    near === undefined ? undefined : `did you mean "${near}"?`,
  );
}
