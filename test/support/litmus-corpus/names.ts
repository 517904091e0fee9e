import { type SolvedCycle, solveCycle, type ThreadPath } from './cycle.ts';
import { type Direction, directionsOf, type Edge, parseEdge, type Vocabulary } from './edges.ts';

/**
 * What the two ends of each thread do, thread by thread; how neighbours communicate follows from it (a write and a
 * read: reads-from; a read and a write: from-reads; two writes: coherence).
 */
const shapes: Readonly<Record<string, string>> = {
  SB: 'WR+WR',
  MP: 'WW+RR',
  LB: 'RW+RW',
  S: 'WW+RW',
  R: 'WW+WR',
  '2+2W': 'WW+WW',
  WRC: 'W+RW+RR',
  RWC: 'W+RR+WR',
  WWC: 'W+RW+RW',
  'WRR+2W': 'W+RR+WW',
  'WRW+2W': 'W+RW+WW',
  'WRW+WR': 'W+RW+WR',
  'W+RWC': 'WW+RR+WR',
  ISA2: 'WW+RW+RR',
  'Z6.0': 'WW+RW+WR',
  'Z6.1': 'WW+WW+RW',
  'Z6.2': 'WW+RW+RW',
  'Z6.3': 'WW+WW+RR',
  'Z6.4': 'WW+WR+WR',
  'Z6.5': 'WW+WW+WR',
  '3.SB': 'WR+WR+WR',
  '3.LB': 'RW+RW+RW',
  '3.2W': 'WW+WW+WW',
  '4.SB': 'WR+WR+WR+WR',
  '4.LB': 'RW+RW+RW+RW',
  IRIW: 'W+RR+W+RR',
  IRRWIW: 'W+RR+W+RW',
  IRWIW: 'W+RW+W+RW',
};

/** Shapes in one location: their threads have `pos` edges without saying so. */
const coherenceShapes: Readonly<Record<string, string>> = {
  CoRR: 'W+RR',
  CoRW1: 'RW',
  CoRW2: 'W+RW',
  CoWR0: 'WR',
  CoWW: 'WW',
};

/** `W+RR+WR+WW`: a shape that spells its own ends. */
const spelledOut = /^(?:RR|RW|WR|WW|R|W)(?:\+(?:RR|RW|WR|WW|R|W)(?=\+|$))*/;

/** The cycle that a name stands for; throws for a name that is not understood. */
export function cycleOf(name: string, words: Vocabulary): SolvedCycle {
  const { shape, rest } = splitName(name);
  const skeleton = shapes[shape] ?? coherenceShapes[shape] ?? shape;
  const threads = skeleton.split('+');
  const isLong = (ends: string): boolean => ends.length === 2;
  const { edges, suffix } = readEdges(rest, threads.filter(isLong).length, shape in coherenceShapes, words);
  const annotations = [...suffix];
  let long = 0;
  const paths = threads.map((ends): ThreadPath => {
    const first = ends[0] as Direction;
    if (!isLong(ends)) {
      const loneAnnotation = annotations.shift();
      return { directions: [first], edges: [], ...(loneAnnotation === undefined ? {} : { loneAnnotation }) };
    }
    const path = edges[long] ?? [];
    long += 1;
    return { edges: path, directions: directionsOf(path, first, ends[1] as Direction, words) };
  });
  return solveCycle(paths);
}

function splitName(name: string): { shape: string; rest: string } {
  const known = [...Object.keys(shapes), ...Object.keys(coherenceShapes)]
    .filter((shape) => name === shape || name.startsWith(`${shape}+`))
    .sort((left, right) => right.length - left.length)[0];
  const shape = known ?? spelledOut.exec(name)?.[0];
  if (shape === undefined || shape === '') {
    throw new Error(`${name} has no known shape`);
  }
  return { shape, rest: name.slice(shape.length + 1) };
}

interface Edges {
  /** One path for each thread of two accesses or more. */
  readonly edges: readonly (readonly Edge[])[];
  /** Annotations of the threads of one access. */
  readonly suffix: readonly string[];
}

function readEdges(rest: string, threadCount: number, isCoherence: boolean, words: Vocabulary): Edges {
  const parts = rest === '' ? [] : rest.split('+');
  const paths = parts.map((part) => parsePath(part, words));
  const given = leading(paths);
  const forAll = (path: readonly Edge[]): Edges['edges'] => Array.from({ length: threadCount }, () => path);
  if (given.length === threadCount) {
    return { edges: given, suffix: annotationsOf(parts.slice(threadCount), words) };
  }
  // One plural for all threads: `poaqps`. `dmb.sys` could be a fence within a location; alone it is many a `dmb.sy`.
  const singular = parts[0]?.endsWith('s') === true ? parsePath(parts[0].slice(0, -1), words) : undefined;
  if (singular !== undefined && given.length <= 1) {
    return { edges: forAll(singular), suffix: annotationsOf(parts.slice(1), words) };
  }
  if (given.length === 0) {
    return { edges: forAll([programOrder(isCoherence)]), suffix: annotationsOf(parts, words) };
  }
  throw new Error(`${rest} has ${given.length} edges for ${threadCount} threads`);
}

function leading<Value>(values: readonly (Value | undefined)[]): readonly Value[] {
  const end = values.indexOf(undefined);
  return values.slice(0, end === -1 ? values.length : end).filter((value) => value !== undefined);
}

function programOrder(sameLocation: boolean): Edge {
  return { text: sameLocation ? 'pos' : 'po', relation: 'po', sameLocation };
}

function parsePath(part: string, words: Vocabulary): readonly Edge[] | undefined {
  const edges = part.split('-').map((text) => parseEdge(text, words));
  return edges.every((edge) => edge !== undefined) ? edges : undefined;
}

/** `NEW` in a published name tells it from an older test and says nothing about the cycle. */
function annotationsOf(suffix: readonly string[], words: Vocabulary): readonly string[] {
  const names = Object.keys(words.annotations);
  return suffix.flatMap((text) => {
    const found: string[] = [];
    let rest = text === 'NEW' ? '' : text.toLowerCase();
    while (rest !== '') {
      const name = names.find((candidate) => rest.startsWith(candidate));
      if (name === undefined) {
        throw new Error(`${text} is neither an edge nor an annotation`);
      }
      found.push(name);
      rest = rest.slice(name.length);
    }
    return found;
  });
}
