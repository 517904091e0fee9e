import type { SourceTokens, Token } from './source-tokens.ts';

export interface Ban {
  readonly offset: number;
  readonly message: string;
}

const useClock = 'use the kernel clock';
const useScheduler = 'use a scheduler choice';
const useGenerator = 'use a generator process';
const useCodePoints = 'its order and wording depend on the locale';
const useEnvironment = 'the model must not see its environment';

/** Names that bring time, chance, order or the environment of the machine into a run, and what stands in for each. */
const runBans: ReadonlyMap<string, string> = new Map([
  ['Date', useClock],
  ['performance', useClock],
  ['setTimeout', useClock],
  ['setInterval', useClock],
  ['setImmediate', useClock],
  ['queueMicrotask', useGenerator],
  ['async', useGenerator],
  ['await', useGenerator],
  ['Promise', useGenerator],
  ['crypto', useScheduler],
  ['WeakRef', 'collection of garbage is chance'],
  ['FinalizationRegistry', 'collection of garbage is chance'],
  ['process', useEnvironment],
  ['globalThis', 'name the global itself'],
]);

const localeNames = new Set(['localeCompare', 'Intl']);
const commentBans = /\b(?:FIXME|TODO)\b/g;

export function findBans(source: SourceTokens, scope: { readonly inRun: boolean }): readonly Ban[] {
  const bans: Ban[] = [];
  const ownProcess = bindsOwnProcess(source.tokens);
  for (const [index, token] of source.tokens.entries()) {
    if (token.kind !== 'word') continue;
    const context = { tokens: source.tokens, index };
    const banned =
      bannedSyntax(context) ?? bannedName(context) ?? (scope.inRun ? bannedInRun(context, ownProcess) : undefined);
    if (banned !== undefined) bans.push({ offset: token.offset, message: banned });
  }
  for (const comment of source.comments) {
    for (const match of comment.text.matchAll(commentBans)) {
      bans.push({
        offset: comment.offset + match.index,
        message: `${match[0]} is banned, finish it or write an issue`,
      });
    }
  }
  return bans;
}

interface Place {
  readonly tokens: readonly Token[];
  readonly index: number;
}

function textAt({ tokens, index }: Place, distance: number): string {
  return tokens[index + distance]?.text ?? '';
}

function bannedSyntax(place: Place): string | undefined {
  const [before, text, next] = [textAt(place, -1), textAt(place, 0), textAt(place, 1)];
  if (text === 'any' && (anyBefore.has(before) || next === '>' || (next === '[' && textAt(place, 2) === ']'))) {
    return `${before === 'as' ? 'as any' : ': any'} is banned, use unknown and narrow it`;
  }
  if (text === 'enum' && before !== '.' && place.tokens[place.index + 1]?.kind === 'word') {
    return 'enum is banned, use a union of string literals';
  }
  if (text === 'export' && (next === '*' || (next === 'type' && textAt(place, 2) === '*'))) {
    return 'export * is banned, name what is exported';
  }
  return undefined;
}

const anyBefore = new Set([':', 'as', '<', '|', '&', '=>']);

function bannedName(place: Place): string | undefined {
  const text = textAt(place, 0);
  if (localeNames.has(text) || text.startsWith('toLocale')) return `${text} is banned, ${useCodePoints}`;
  if (text === 'FIXME' || text === 'TODO') return `${text} is banned, finish it or write an issue`;
  if (text !== 'Math' || textAt(place, -1) === '.') return undefined;
  if (textAt(place, 1) !== '.') return `Math without a member is banned, it hides Math.random`;
  return textAt(place, 2) === 'random' ? `Math.random is banned, ${useScheduler}` : undefined;
}

function bannedInRun(place: Place, ownProcess: boolean): string | undefined {
  const text = textAt(place, 0);
  const instead = runBans.get(text);
  if (instead === undefined || (text === 'process' && ownProcess)) return undefined;
  const before = textAt(place, -1);
  if (before === '.' || before === '?.') return undefined; // a member of something else; globalThis is banned itself
  const member = textAt(place, 1) === '.' ? `.${textAt(place, 2)}` : '';
  return `${text}${member} is banned, ${instead}`;
}

/**
 * The kernel has processes of its own, so a file that binds the name `process` means that one: a declaration, a
 * parameter or property with a type, or a destructured name.
 */
function bindsOwnProcess(tokens: readonly Token[]): boolean {
  return tokens.some((token, index) => {
    if (token.kind !== 'word' || token.text !== 'process') return false;
    const before = tokens[index - 1]?.text ?? '';
    const next = tokens[index + 1]?.text ?? '';
    if (['const', 'let', 'function'].includes(before)) return true;
    if (next === ':' || (next === '?' && tokens[index + 2]?.text === ':')) return true;
    if (before === '(' && next === ')' && tokens[index + 2]?.text === '=>') return true;
    return ['{', ','].includes(before) && ['}', ','].includes(next);
  });
}
