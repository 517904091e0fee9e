/** A cycle names its first file twice, at both ends. */
export type ImportCycle = readonly [string, ...string[]];

/**
 * One shortest cycle for each knot of files that reach each other, beginning at its first file by name. One cut may undo
 * the whole knot, so a list of all its cycles would be noise.
 */
export function findImportCycles(graph: ReadonlyMap<string, readonly string[]>): readonly ImportCycle[] {
  const cycles: ImportCycle[] = [];
  const reported = new Set<string>();
  for (const start of [...graph.keys()].sort()) {
    if (reported.has(start)) continue;
    const cycle = shortestCycle(graph, start);
    if (cycle === undefined) continue;
    cycles.push(cycle);
    for (const file of knotOf(graph, start)) reported.add(file);
  }
  return cycles;
}

function shortestCycle(graph: ReadonlyMap<string, readonly string[]>, start: string): ImportCycle | undefined {
  const paths: string[][] = [[]];
  const seen = new Set<string>();
  for (const path of paths) {
    for (const next of graph.get(path.at(-1) ?? start) ?? []) {
      if (next === start) return [start, ...path, start];
      if (seen.has(next)) continue;
      seen.add(next);
      paths.push([...path, next]);
    }
  }
  return undefined;
}

/** The files that both reach the start and are reached from it. */
function knotOf(graph: ReadonlyMap<string, readonly string[]>, start: string): readonly string[] {
  return [...reachable(graph, start)].filter((file) => reachable(graph, file).has(start));
}

function reachable(graph: ReadonlyMap<string, readonly string[]>, start: string): ReadonlySet<string> {
  const found = new Set<string>([start]);
  for (const file of found) for (const next of graph.get(file) ?? []) found.add(next);
  return found;
}
