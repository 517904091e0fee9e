import type { Token } from './source-tokens.ts';

export interface Import {
  readonly specifier: string;
  /** Where the statement (or the `import(` of a dynamic or type import) begins. */
  readonly offset: number;
}

/** Every module that a file names: imports, re-exports, dynamic imports and `import('…')` types alike. */
export function findImports(tokens: readonly Token[]): readonly Import[] {
  const imports: Import[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== 'word' || isMemberName(tokens, index)) continue;
    const specifier =
      token.text === 'import'
        ? importedModule(tokens, index)
        : token.text === 'export'
          ? reexportedModule(tokens, index)
          : undefined;
    if (specifier !== undefined) imports.push({ specifier, offset: token.offset });
  }
  return imports;
}

function isMemberName(tokens: readonly Token[], index: number): boolean {
  const before = tokens[index - 1]?.text;
  return before === '.' || before === '?.';
}

function importedModule(tokens: readonly Token[], index: number): string | undefined {
  const next = tokens[index + 1];
  if (next?.kind === 'string') return next.text;
  if (next?.text === '.') return undefined; // import.meta
  if (next?.text === '(') return literalText(tokens[index + 2]);
  return moduleAfterFrom(tokens, index + 1);
}

function reexportedModule(tokens: readonly Token[], index: number): string | undefined {
  const start = tokens[index + 1]?.text === 'type' ? index + 2 : index + 1;
  const first = tokens[start]?.text;
  if (first === '*') return moduleAfterFrom(tokens, start);
  if (first !== '{') return undefined;
  const close = tokens.findIndex((token, at) => at > start && token.text === '}');
  return tokens[close + 1]?.text === 'from' ? literalText(tokens[close + 2]) : undefined;
}

function moduleAfterFrom(tokens: readonly Token[], start: number): string | undefined {
  for (let index = start; index < tokens.length && tokens[index]?.text !== ';'; index += 1) {
    const module = tokens[index + 1];
    if (tokens[index]?.text === 'from' && module?.kind === 'string') return module.text;
  }
  return undefined;
}

function literalText(token: Token | undefined): string | undefined {
  return token?.kind === 'string' || token?.kind === 'template' ? token.text : undefined;
}
