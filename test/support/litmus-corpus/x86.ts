import type { Access, CycleThread } from './cycle.ts';
import { assemblyFile, type Dialect } from './dialect.ts';

const registerNames = ['EAX', 'EBX', 'ECX', 'EDX'];

export const x86: Dialect = {
  words: {
    relations: {
      po: { relation: 'po' },
      mfence: { relation: 'fence', fence: 'MFENCE' },
      rfi: { relation: 'rfi' },
      fri: { relation: 'fri' },
      wsi: { relation: 'wsi' },
      rmw: { relation: 'rmw' },
    },
    annotations: {},
  },

  print(name, cycle) {
    const threads = cycle.threads.map(threadCode);
    return assemblyFile({
      title: `X86 ${name}`,
      cycle,
      initial: [],
      threads: threads.map(({ lines }) => lines),
      registers: threads.flatMap(({ reads }, thread) => reads.map((read) => `${thread}:${read}`)),
      finals: cycle.finals.map(({ location, value }) => `[${location}]=${value}`),
    });
  },
};

interface ThreadCode {
  readonly lines: readonly string[];
  /** `EAX=1` for each read, in program order. */
  readonly reads: readonly string[];
}

function threadCode({ accesses, edges }: CycleThread): ThreadCode {
  const lines: string[] = [];
  const reads: string[] = [];
  const nextRegister = (access: Access): string => {
    const register = registerNames[reads.length] ?? 'no register left';
    reads.push(`${register}=${access.value}`);
    return register;
  };
  accesses.forEach((access, place) => {
    const written = edges[place]?.relation === 'rmw' ? accesses[place + 1] : undefined;
    if (access.direction === 'W') {
      // The write of an exchange came with its read.
      if (edges[place - 1]?.relation !== 'rmw') {
        lines.push(`MOV [${access.location}],$${access.value}`);
      }
    } else if (written === undefined) {
      lines.push(`MOV ${nextRegister(access)},[${access.location}]`);
    } else {
      const register = nextRegister(access);
      lines.push(`MOV ${register},$${written.value}`, `XCHG [${access.location}],${register}`);
    }
    const fence = edges[place]?.fence;
    if (fence !== undefined) {
      lines.push(fence);
    }
  });
  return { lines, reads };
}
