import { CST, Lexer, Parser } from 'yaml';
import { type Diagnostic, quote } from '../../diagnostics/diagnostic.ts';
import { ScenarioError } from './scenario-error.ts';
import { diagnosticAt, type TextPlaces } from './yaml-places.ts';

/** Largest scenario file. The longest one written by hand so far is a hundredth of it. */
const maxFileBytes = 1024 * 1024;
/** Deepest nesting of mappings and lists. */
export const maxDepth = 64;
/** Most words, marks (`-`, `:`, `,`), spaces and line ends in one file: what keeps every later step under a second. */
const maxTokens = 200_000;

/** What YAML allows in a file, less a carriage return on its own, which would make our line numbers wrong. */
const forbidden = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]|\r(?!\n)/u;

/** The text of a file, or a ScenarioError if it is too big, not text, or says nothing. */
export function decodeScenario(file: string, bytes: Uint8Array): string {
  if (bytes.length > maxFileBytes) {
    throw fileError(file, `the file has ${bytes.length} bytes; a scenario may have ${maxFileBytes}`);
  }
  if (bytes.includes(0)) {
    throw fileError(file, `not a text file: byte ${bytes.indexOf(0)} is NUL`, 'a scenario is YAML, saved as UTF-8');
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw fileError(file, 'not a text file: it is not valid UTF-8', 'a scenario is YAML, saved as UTF-8');
  }
  if (saysNothing(text)) {
    throw fileError(file, 'the file is empty: a scenario is a mapping');
  }
  return text;
}

/**
 * Cuts a text into YAML tokens. Stops with a ScenarioError at the first token that is nested too deeply or too many:
 * composing such a file (yaml 2.9.1) can be quadratic or end the whole process, with no exception to catch. This part
 * of yaml works without recursion, and is asked after every word whether it has gone too deep. Lesser mistakes are
 * added to `problems`.
 */
export function tokenize(text: string, places: TextPlaces, problems: Diagnostic[]): CST.Token[] {
  const fail = (offset: number, message: string, hint?: string): never => {
    throw new ScenarioError([diagnosticAt(places, offset, offset + 1, message, hint)], places.lines);
  };
  const control = forbidden.exec(text);
  if (control !== null) {
    fail(control.index, `${quote(control[0])} is a control character, which YAML does not allow`);
  }
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let count = 0;
  let inScalar = false;
  for (const lexeme of new Lexer().lex(text)) {
    const offset = parser.offset;
    count += 1;
    if (count > maxTokens) {
      fail(offset, `more than ${maxTokens} YAML tokens`, 'split the file');
    }
    if (!inScalar && lexeme.startsWith('!')) {
      const hint = 'quote the value if it has to be text';
      problems.push(
        diagnosticAt(places, offset, offset + lexeme.length, `the tag ${quote(lexeme)} is not supported`, hint),
      );
    }
    inScalar = lexeme === CST.SCALAR;
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > maxDepth && parser.stack.filter(CST.isCollection).length > maxDepth) {
      fail(offset, `nested more than ${maxDepth} levels deep`);
    }
  }
  tokens.push(...parser.end());
  refuseStreams(tokens, fail);
  return tokens;
}

/** One file is one document, and every file is read by the same version of YAML. */
function refuseStreams(
  tokens: readonly CST.Token[],
  fail: (offset: number, message: string, hint?: string) => never,
): void {
  let documents = 0;
  for (const token of tokens) {
    documents += token.type === 'document' ? 1 : 0;
    if (documents > 1) {
      fail(token.offset, 'a second YAML document', 'put each scenario into a file of its own');
    }
    if (token.type === 'directive') {
      fail(token.offset, `the directive ${quote(token.source)} is not supported`, 'remove the line');
    }
  }
}

function saysNothing(text: string): boolean {
  return text.split('\n').every((line) => /^\s*(?:#|$)/.test(line));
}

function fileError(file: string, message: string, hint?: string): ScenarioError {
  return new ScenarioError([
    { file, line: 0, column: 0, endColumn: 0, message, ...(hint === undefined ? {} : { hint }) },
  ]);
}
