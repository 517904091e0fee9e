import { quote } from '../../diagnostics/diagnostic.ts';

/** What an unquoted word of a file means, or why it may not stand there. */
type PlainScalar =
  | { readonly value: string | number | bigint | boolean | null }
  | { readonly problem: string; readonly hint: string };

/** A 512-bit entry has 155 decimal digits. Longer numbers are mistakes, and reading them is quadratic. */
const maxNumberLength = 200;

const nulls = new Set(['', '~', 'null', 'Null', 'NULL']);
const booleans = new Map([
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
]);

const decimal = /^[-+]?(?:0|[1-9][0-9]*)$/;
const hexadecimal = /^0x[0-9a-fA-F]+$/;
const fraction = /^[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
/** Other spellings that some reader of YAML takes for a number, and another for text or for another number. */
const doubtful =
  /^(?:[-+]?0[xXoObB][0-9a-fA-F_]+|[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

/**
 * Reads an unquoted scalar from its source text, as YAML 1.2's core schema does but without losing a bit. Spellings
 * that readers disagree about (010, 0b1, 1_000) are refused: a register value must not depend on the reader.
 */
export function readPlainScalar(source: string): PlainScalar {
  const boolean = booleans.get(source);
  if (boolean !== undefined) {
    return { value: boolean };
  }
  if (nulls.has(source)) {
    return { value: null };
  }
  // Text is much the commonest; only a digit, a sign or a point can start a number.
  return /^[-+.0-9]/.test(source) ? readNumberLike(source) : { value: source };
}

function readNumberLike(source: string): PlainScalar {
  const whole = decimal.test(source) || hexadecimal.test(source);
  if (source.length > maxNumberLength) {
    const numeric = whole || fraction.test(source) || doubtful.test(source);
    return numeric ? tooLong(source) : { value: source };
  }
  if (whole) {
    return { value: wholeNumber(source) };
  }
  if (fraction.test(source)) {
    const value = Number(source);
    return Number.isFinite(value)
      ? { value }
      : problem(source, 'is too large a number', 'the largest is about 1.8e308');
  }
  return doubtful.test(source) ? refuseDoubtful(source) : { value: source };
}

function wholeNumber(source: string): number | bigint {
  const value = source.startsWith('-') ? -BigInt(source.slice(1)) : BigInt(source.replace('+', ''));
  // Number() also turns -0, which no whole number has, into 0.
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function tooLong(source: string): PlainScalar {
  return problem(source, `is a number of more than ${maxNumberLength} characters`, 'quote it if it is text');
}

function refuseDoubtful(source: string): PlainScalar {
  if (source.includes('_')) {
    return problem(source, 'has "_" inside a number', `write ${source.replaceAll('_', '')}, or quote it if it is text`);
  }
  if (/^[-+]?0[0-9]/.test(source)) {
    const plain = source.replace(/^([-+]?)0+(?=[0-9])/, '$1');
    return problem(
      source,
      'starts with 0, which some readers take for octal',
      `write ${plain}, or quote it if it is text`,
    );
  }
  return problem(
    source,
    'is not a number that every reader understands',
    'write it in decimal or as 0x..., or quote it if it is text',
  );
}

function problem(source: string, what: string, hint: string): PlainScalar {
  return { problem: `${quote(source)} ${what}`, hint };
}
