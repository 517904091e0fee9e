/** What an access does. */
export type Direction = 'R' | 'W';

/** How two consecutive accesses of one thread are related; the names are diy's. */
type Relation = 'po' | 'fence' | 'addr' | 'data' | 'ctrl' | 'rfi' | 'fri' | 'wsi' | 'rmw';

/** An edge of a cycle inside one thread, as a test's name spells it. */
export interface Edge {
  readonly text: string;
  readonly relation: Relation;
  /** The fence's name in the dialect, without it if there is none. */
  readonly fence?: string;
  /** A control dependency with the dialect's context synchronization after the branch (ctrlisb, ctrlfencei). */
  readonly isSynchronized?: boolean;
  readonly sameLocation: boolean;
  /** Annotations of the two accesses, in the dialect's words; plain if left out. */
  readonly before?: string;
  readonly after?: string;
}

/** What each relation asks of its two ends; `undefined` asks nothing. */
const ends: Readonly<Record<Relation, readonly [Direction | undefined, Direction | undefined]>> = {
  po: [undefined, undefined],
  fence: [undefined, undefined],
  addr: ['R', undefined],
  data: ['R', 'W'],
  ctrl: ['R', undefined],
  rfi: ['W', 'R'],
  fri: ['R', 'W'],
  wsi: ['W', 'W'],
  rmw: ['R', 'W'],
};

const alwaysSameLocation: ReadonlySet<Relation> = new Set(['rfi', 'fri', 'wsi', 'rmw']);

/** Words of a dialect's names: relations and fences by their text, annotations by theirs. */
export interface Vocabulary {
  readonly relations: Readonly<Record<string, Pick<Edge, 'relation' | 'fence' | 'isSynchronized'>>>;
  /** Annotation by its text in a name, with the direction it needs. */
  readonly annotations: Readonly<Record<string, { readonly order: string; readonly needs?: Direction }>>;
}

/** Reads one edge, e.g. `fence.rw.rw`, `rfipaq`, `poonceacquire`; undefined if it is none. */
export function parseEdge(text: string, words: Vocabulary): Edge | undefined {
  for (const [name, meaning] of byLength(words.relations)) {
    if (!text.startsWith(name)) {
      continue;
    }
    const rest = text.slice(name.length);
    for (const isSame of [false, true]) {
      const annotations = parseAnnotations(isSame ? rest.slice(1) : rest, words);
      if (annotations !== undefined && (!isSame || rest.startsWith('s'))) {
        const sameLocation = isSame || alwaysSameLocation.has(meaning.relation);
        return { text, ...meaning, sameLocation, ...annotations };
      }
    }
  }
  return undefined;
}

function parseAnnotations(text: string, words: Vocabulary): Pick<Edge, 'before' | 'after'> | undefined {
  if (text === '') {
    return {};
  }
  const names = Object.keys(words.annotations);
  const before = names.find((name) => text.startsWith(name) && names.includes(text.slice(name.length)));
  return before === undefined ? undefined : { before, after: text.slice(before.length) };
}

function byLength<Value>(table: Readonly<Record<string, Value>>): readonly (readonly [string, Value])[] {
  return Object.entries(table).sort(([left], [right]) => right.length - left.length);
}

/** The one way to read and write along `edges` from `first` to `last`; a name that leaves a choice is refused. */
export function directionsOf(
  edges: readonly Edge[],
  first: Direction,
  last: Direction,
  words: Vocabulary,
): readonly Direction[] {
  const paths = edges.reduce<readonly (readonly Direction[])[]>(
    (found, edge) => found.flatMap((path) => extensions(path, edge, words)),
    [[first]],
  );
  const fitting = paths.filter((path) => path.at(-1) === last);
  const [only] = fitting;
  if (only === undefined || fitting.length > 1) {
    throw new Error(`${edges.map((edge) => edge.text).join('-')} from ${first} to ${last} fits ${fitting.length} ways`);
  }
  return only;
}

function extensions(path: readonly Direction[], edge: Edge, words: Vocabulary): readonly (readonly Direction[])[] {
  const from = path[path.length - 1];
  const [needsFrom, needsTo] = ends[edge.relation];
  const fits = (annotation: string | undefined, direction: Direction | undefined): boolean => {
    const needs = annotation === undefined ? undefined : words.annotations[annotation]?.needs;
    return needs === undefined || needs === direction;
  };
  if ((needsFrom !== undefined && needsFrom !== from) || !fits(edge.before, from)) {
    return [];
  }
  const candidates: readonly Direction[] = needsTo === undefined ? ['R', 'W'] : [needsTo];
  return candidates.filter((to) => fits(edge.after, to)).map((to) => [...path, to]);
}
