import type { Direction, Edge } from './edges.ts';

/** One thread's part of a cycle: n edges between n + 1 accesses. */
export interface ThreadPath {
  readonly directions: readonly Direction[];
  readonly edges: readonly Edge[];
  /** Annotation of an access that no edge touches. */
  readonly loneAnnotation?: string;
}

export interface Access {
  readonly direction: Direction;
  readonly location: string;
  /** Written, or to be read for the cycle to happen. */
  readonly value: number;
  /** As a name spells it; plain if left out. */
  readonly annotation?: string;
}

export interface CycleThread {
  readonly accesses: readonly Access[];
  readonly edges: readonly Edge[];
}

/** A cycle with its locations and values: what a dialect prints. */
export interface SolvedCycle {
  readonly locations: readonly string[];
  readonly threads: readonly CycleThread[];
  /** Locations written twice, with the value that is last in coherence order. */
  readonly finals: readonly { readonly location: string; readonly value: number }[];
}

const locationNames = ['x', 'y', 'z', 'a', 'b', 'c'];

interface Place {
  readonly thread: number;
  readonly direction: Direction;
  /** Edge to the next place of the thread; undefined where communication leads to the next thread. */
  readonly edge: Edge | undefined;
}

/**
 * Gives each access its location and value. All edges to another location lead to a new one, and the last of them
 * back to the first: so a location is one unbroken stretch of the cycle, and along it coherence order is cycle order.
 */
export function solveCycle(paths: readonly ThreadPath[]): SolvedCycle {
  const places = paths.flatMap((path, thread) =>
    path.directions.map((direction, index): Place => ({ thread, direction, edge: path.edges[index] })),
  );
  const moves = places.filter((place) => place.edge?.sameLocation === false).length;
  if (moves === 1) {
    throw new Error('a cycle cannot leave a location once');
  }
  const locations = locationsOf(places, moves);
  const values = moves === 0 ? coherenceValues(places) : stretchValues(places, locations);
  const used = locationNames.slice(0, Math.max(1, moves));
  return {
    locations: used,
    threads: threadsOf(paths, locations, values),
    finals: used.flatMap((location) => finalOf(location, places, locations, values)),
  };
}

function locationsOf(places: readonly Place[], moves: number): readonly string[] {
  let location = 0;
  return places.map((place) => {
    const name = locationNames[location];
    location = place.edge?.sameLocation === false ? (location + 1) % moves : location;
    if (name === undefined) {
      throw new Error('too many locations');
    }
    return name;
  });
}

/** Values where each location is one stretch: a write counts up, a read sees the write before it. */
function stretchValues(places: readonly Place[], locations: readonly string[]): readonly number[] {
  const values = places.map(() => 0);
  // The first location's stretch may begin at the end of the list: start behind a move.
  const start = places.findIndex((place) => place.edge?.sameLocation === false) + 1;
  let current = 0;
  for (let step = 0; step < places.length; step += 1) {
    const index = (start + step) % places.length;
    const previous = (index + places.length - 1) % places.length;
    current = step === 0 || locations[previous] !== locations[index] ? 0 : current;
    current += places[index]?.direction === 'W' ? 1 : 0;
    values[index] = current;
  }
  return values;
}

/** Values of a cycle in one location, which contradicts coherence: what communication says, and then program order. */
function coherenceValues(places: readonly Place[]): readonly number[] {
  const writes = places.flatMap((place, index) => (place.direction === 'W' ? [index] : []));
  const [first, second] = writes;
  // A write at the end communicates with the first: it comes before it, whatever the rest says.
  const isReversed = places.at(-1)?.direction === 'W';
  const isOrdered = isReversed || second === undefined || places[first ?? 0]?.thread === places[second]?.thread;
  if (writes.length > 2 || !isOrdered) {
    throw new Error('nothing tells the order of the writes');
  }
  const order = isReversed ? writes.toReversed() : writes;
  return places.map((place, index) => {
    const previous = (index + places.length - 1) % places.length;
    const next = (index + 1) % places.length;
    if (place.direction === 'W') {
      return order.indexOf(index) + 1;
    }
    if (communicates(places[previous]) && places[previous]?.direction === 'W') {
      return order.indexOf(previous) + 1;
    }
    if (communicates(place) && places[next]?.direction === 'W') {
      return order.indexOf(next);
    }
    throw new Error('nothing tells what is read');
  });
}

/** Whether a place leads on by communication, to another thread or within its own. */
function communicates(place: Place | undefined): boolean {
  const relation = place?.edge?.relation;
  return relation === undefined || relation === 'rfi' || relation === 'fri' || relation === 'wsi';
}

function finalOf(
  location: string,
  places: readonly Place[],
  locations: readonly string[],
  values: readonly number[],
): readonly { location: string; value: number }[] {
  const written = places.flatMap((place, index) =>
    place.direction === 'W' && locations[index] === location ? [values[index] ?? 0] : [],
  );
  if (written.length > 2) {
    throw new Error(`${location} is written more often than a final value tells apart`);
  }
  return written.length === 2 ? [{ location, value: 2 }] : [];
}

function threadsOf(
  paths: readonly ThreadPath[],
  locations: readonly string[],
  values: readonly number[],
): readonly CycleThread[] {
  let index = 0;
  return paths.map(({ directions, edges, loneAnnotation }) => ({
    edges,
    accesses: directions.map((direction, place): Access => {
      const annotation = annotationAt(edges, place) ?? loneAnnotation;
      const access = { direction, location: locations[index] ?? '', value: values[index] ?? 0 };
      index += 1;
      return annotation === undefined ? access : { ...access, annotation };
    }),
  }));
}

/** An access between two edges has both edges' annotations, which must agree. */
function annotationAt(edges: readonly Edge[], place: number): string | undefined {
  const left = edges[place - 1]?.after;
  const right = edges[place]?.before;
  if (left !== undefined && right !== undefined && left !== right) {
    throw new Error(`${left} and ${right} meet in one access`);
  }
  return left ?? right;
}
