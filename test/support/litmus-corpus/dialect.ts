import type { SolvedCycle } from './cycle.ts';
import type { Vocabulary } from './edges.ts';

/** A litmus dialect: the words of its names and how a cycle is written in it. */
export interface Dialect {
  readonly words: Vocabulary;
  /** The whole file. */
  print(name: string, cycle: SolvedCycle): string;
}

/** The cycle in one line, thread by thread: `P0: Wx=1 fence.rw.rw Wy=1; P1: Ry=1 addr Rx=0`. */
export function describe(cycle: SolvedCycle): string {
  return cycle.threads
    .map(({ accesses, edges }, thread) => {
      const steps = accesses.map(({ direction, location, value }, place) => {
        const edge = edges[place];
        return `${direction}${location}=${value}${edge === undefined ? '' : ` ${edge.text}`}`;
      });
      return `P${thread}: ${steps.join(' ')}`;
    })
    .join('; ');
}

/** Columns of assembly, one for each thread, as litmus files have them. */
function columns(threads: readonly (readonly string[])[]): string {
  const heads = threads.map((_, thread) => `P${thread}`);
  const widths = threads.map((lines, thread) =>
    Math.max(...[heads[thread] ?? '', ...lines].map((line) => line.length)),
  );
  const row = (cells: readonly string[]): string =>
    ` ${cells.map((cell, thread) => cell.padEnd(widths[thread] ?? 0)).join(' | ')} ;`;
  const height = Math.max(...threads.map((lines) => lines.length));
  const rows = Array.from({ length: height }, (_, index) => row(threads.map((lines) => lines[index] ?? '')));
  return [row(heads), ...rows].join('\n');
}

/** `exists` line: the registers in thread order, then the locations written twice. */
export function condition(registers: readonly string[], finals: readonly string[]): string {
  const terms = [...registers, ...finals];
  return `exists (${terms.length === 0 ? 'true' : terms.join(' /\\ ')})`;
}

/** Header, description, initial state, threads and condition, joined as every shipped assembly test has them. */
export function assemblyFile(parts: {
  readonly title: string;
  readonly cycle: SolvedCycle;
  readonly initial: readonly string[];
  readonly threads: readonly (readonly string[])[];
  readonly registers: readonly string[];
  readonly finals: readonly string[];
}): string {
  return [
    parts.title,
    `"${describe(parts.cycle)}"`,
    '{',
    ...parts.initial,
    '}',
    columns(parts.threads),
    condition(parts.registers, parts.finals),
    '',
  ].join('\n');
}
