import type { Access, CycleThread } from './cycle.ts';
import { condition, type Dialect, describe } from './dialect.ts';

export const c: Dialect = {
  words: {
    relations: {
      po: { relation: 'po' },
      ctrl: { relation: 'ctrl' },
      data: { relation: 'data' },
      rfi: { relation: 'rfi' },
      fri: { relation: 'fri' },
      wsi: { relation: 'wsi' },
      fencemb: { relation: 'fence', fence: 'smp_mb();' },
      fencewmb: { relation: 'fence', fence: 'smp_wmb();' },
      fencermb: { relation: 'fence', fence: 'smp_rmb();' },
    },
    annotations: {
      once: { order: 'once' },
      acquire: { order: 'acquire', needs: 'R' },
      release: { order: 'release', needs: 'W' },
    },
  },

  print(name, cycle) {
    const threads = cycle.threads.map(threadCode);
    const registers = threads.flatMap(({ reads }, thread) => reads.map((read) => `${thread}:${read}`));
    return [
      `C ${name}`,
      `(* ${describe(cycle)} *)`,
      '{}',
      ...threads.map(({ lines }, thread) => functionText(`P${thread}`, cycle.threads[thread], lines, cycle.locations)),
      condition(
        registers,
        cycle.finals.map(({ location, value }) => `${location}=${value}`),
      ),
      '',
    ].join('\n\n');
  },
};

function functionText(
  name: string,
  thread: CycleThread | undefined,
  lines: readonly string[],
  locations: readonly string[],
): string {
  const used = locations.filter((location) => thread?.accesses.some((access) => access.location === location));
  return [`${name}(${used.map((location) => `int *${location}`).join(', ')})`, '{', ...lines, '}'].join('\n');
}

interface ThreadCode {
  readonly lines: readonly string[];
  /** `r0=1` for each read, in program order. */
  readonly reads: readonly string[];
}

function threadCode({ accesses, edges }: CycleThread): ThreadCode {
  const lines: string[] = [];
  const reads: string[] = [];
  let depth = 1;
  const put = (line: string): void => {
    lines.push(`${'\t'.repeat(depth)}${line}`);
  };
  accesses.forEach((access, place) => {
    const relation = edges[place - 1]?.relation;
    const last = `r${reads.length - 1}`;
    if (relation === 'ctrl') {
      put(`if (${last}) {`);
      depth += 1;
    }
    if (access.direction === 'R') {
      put(`int r${reads.length} = ${readText(access)};`);
      reads.push(`r${reads.length}=${access.value}`);
    } else {
      put(writeText(access, relation === 'data' ? `${access.value} + (${last} ^ ${last})` : `${access.value}`));
    }
    const fence = edges[place]?.fence;
    if (fence !== undefined) {
      put(fence);
    }
  });
  while (depth > 1) {
    depth -= 1;
    put('}');
  }
  return { lines, reads };
}

function readText({ location, annotation }: Access): string {
  return annotation === 'acquire' ? `smp_load_acquire(${location})` : `READ_ONCE(*${location})`;
}

function writeText({ location, annotation }: Access, value: string): string {
  return annotation === 'release' ? `smp_store_release(${location}, ${value});` : `WRITE_ONCE(*${location}, ${value});`;
}
