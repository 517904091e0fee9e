import type { Instruction, LitmusTest, Thread } from '../../../litmus/program.ts';
import type { Trace } from './execution.ts';
import { type Site, siteKey, type Unrolled, type Unrolling, unroll } from './unroll.ts';
import { evaluate, placeOf, registersIn, wordOf } from './values.ts';

/** A way through every thread, and for each of its reads the write it reads from. */
export interface Candidate {
  readonly traces: readonly Trace[];
  /** By thread and access: the write, as its thread and access; undefined for the initial value and for what reads nothing. */
  readonly sources: readonly (readonly (AccessName | undefined)[])[];
}

interface AccessName {
  readonly thread: number;
  readonly access: number;
}

interface Chosen {
  /** By the key of a read: the site of the write, or the initial value. */
  readonly sources: ReadonlyMap<number, Site | 'initial'>;
  readonly successes: ReadonlyMap<number, boolean>;
}

/**
 * Every choice of who reads from whom under which all values come out. A value that would have to come from itself is
 * left out: all models forbid it.
 */
export function* candidates(test: LitmusTest, how: Unrolling): Generator<Candidate> {
  const nothing: Chosen = { sources: new Map(), successes: new Map() };
  const open: Node[] = [{ chosen: nothing, threads: [], changed: test.threads.map((_, t) => t) }];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const { chosen } = node;
    const threads = settled(test, how, node);
    if (isDead(threads, chosen)) {
      continue;
    }
    const next = threads.find((unrolled) => unrolled.open !== undefined)?.open;
    if (next !== undefined) {
      for (const choice of choicesFor(test, chosen, threads, next)) {
        open.push({ chosen: choice, threads, changed: [next.site.thread] });
      }
    } else if (threads.every(({ isComplete }) => isComplete)) {
      const candidate = candidateOf(threads, chosen);
      if (candidate !== undefined) {
        yield candidate;
      }
    }
  }
}

interface Node {
  readonly chosen: Chosen;
  /** As they were before the last choice. */
  readonly threads: readonly Unrolled[];
  /** Threads that the last choice is in. */
  readonly changed: readonly number[];
}

/** All threads, gone through until no more values become known. */
function settled(test: LitmusTest, how: Unrolling, { chosen, threads: before, changed }: Node): readonly Unrolled[] {
  const threads = [...before];
  const choosing = {
    readValue: (site: Site, location: number) => {
      const source = chosen.sources.get(siteKey(site));
      if (source === undefined) {
        return 'open' as const;
      }
      if (source === 'initial') {
        const { initial, widthBits } = test.locations[location] as LitmusTest['locations'][number];
        return BigInt.asUintN(widthBits, wordOf(initial));
      }
      return threads[source.thread]?.written.get(source.instruction)?.value ?? ('unknown' as const);
    },
    succeeds: (site: Site) => chosen.successes.get(siteKey(site)) ?? ('open' as const),
  };
  const due = new Set(changed);
  for (const t of due) {
    due.delete(t);
    const known = countKnown(threads[t]);
    threads[t] = unroll(test, t, how, choosing);
    if (countKnown(threads[t]) !== known) {
      for (const [other, unrolled] of threads.entries()) {
        if (unrolled?.isWaiting) {
          due.add(other);
        }
      }
    }
  }
  return threads;
}

/** Some read has a source that is not written after all, or elsewhere. */
function isDead(threads: readonly Unrolled[], { sources }: Chosen): boolean {
  for (const source of sources.values()) {
    const from = source === 'initial' ? undefined : threads[source.thread];
    if (source !== 'initial' && from !== undefined && source.instruction < from.reached) {
      if (!from.written.has(source.instruction)) {
        return true;
      }
    }
  }
  return false;
}

function countKnown(unrolled: Unrolled | undefined): number {
  let count = unrolled?.sites.length ?? -1;
  for (const { value } of unrolled?.written.values() ?? []) {
    count += value === undefined ? 0 : 1;
  }
  return count;
}

function choicesFor(
  test: LitmusTest,
  { sources, successes }: Chosen,
  threads: readonly Unrolled[],
  { site, location }: { readonly site: Site; readonly location: number },
): readonly Chosen[] {
  if (test.threads[site.thread]?.instructions[site.instruction]?.op === 'store-conditional') {
    const isRead = [...sources.values()].some((source) => source !== 'initial' && siteKey(source) === siteKey(site));
    return (isRead ? [true] : [true, false]).map((succeeds) => ({
      sources,
      successes: new Map(successes).set(siteKey(site), succeeds),
    }));
  }
  const own = threads[site.thread] as Unrolled;
  const newest = newestOwn(own, site, location);
  const writes: (Site | 'initial')[] = newest === undefined ? ['initial'] : [];
  for (const [t, { instructions }] of test.threads.entries()) {
    for (const [i, instruction] of instructions.entries()) {
      const isHidden = t === site.thread && (i >= site.instruction || (newest !== undefined && i < newest));
      if (!isHidden && canWrite(test, threads[t] as Unrolled, t, i, instruction, location)) {
        writes.push({ thread: t, instruction: i });
      }
    }
  }
  return writes.map((source) => ({ sources: new Map(sources).set(siteKey(site), source), successes }));
}

/** The last write of a thread to a location before a read: the older ones cannot be read any more. */
function newestOwn({ written }: Unrolled, site: Site, location: number): number | undefined {
  return [...written].findLast(
    ([i, write]) => i < site.instruction && write.location === location && write.value !== undefined,
  )?.[0];
}

function canWrite(
  test: LitmusTest,
  unrolled: Unrolled,
  t: number,
  i: number,
  instruction: Instruction,
  location: number,
): boolean {
  if (!('address' in instruction) || instruction.op === 'load' || instruction.op === 'load-reserved') {
    return false;
  }
  const met = unrolled.written.get(i);
  if (met?.location !== undefined || (met === undefined && i < unrolled.reached)) {
    return met?.location === location;
  }
  // Not met yet: by its address, if that is the same in every execution.
  const { registers } = test.threads[t] as Thread;
  const isFixed = registersIn(instruction.address).length === 0;
  const place = isFixed
    ? placeOf(
        test,
        evaluate(
          instruction.address,
          registers.map(() => 0n),
        ),
        8,
      )
    : undefined;
  return place === undefined || place.location === location;
}

/** Undefined: some read has a source that writes elsewhere or not at all. */
function candidateOf(threads: readonly Unrolled[], { sources }: Chosen): Candidate | undefined {
  const found: (AccessName | undefined)[][] = [];
  for (const [t, { trace, sites }] of threads.entries()) {
    const row: (AccessName | undefined)[] = [];
    for (const [a, { read, location }] of trace.accesses.entries()) {
      const source =
        read === undefined ? 'initial' : sources.get(siteKey({ thread: t, instruction: sites[a] as number }));
      if (source === undefined || source === 'initial') {
        row.push(undefined);
        continue;
      }
      const from = threads[source.thread] as Unrolled;
      const access = from.trace.accesses.findIndex(
        ({ written }, i) => from.sites[i] === source.instruction && written !== undefined,
      );
      if (access < 0 || from.trace.accesses[access]?.location !== location) {
        return undefined;
      }
      row.push({ thread: source.thread, access });
    }
    found.push(row);
  }
  return { traces: threads.map(({ trace }) => trace), sources: found };
}
