import type { Access, CycleThread, SolvedCycle } from './cycle.ts';
import { assemblyFile, type Dialect } from './dialect.ts';
import type { Edge } from './edges.ts';

export const aarch64: Dialect = {
  words: {
    relations: {
      po: { relation: 'po' },
      addr: { relation: 'addr' },
      data: { relation: 'data' },
      ctrl: { relation: 'ctrl' },
      ctrlisb: { relation: 'ctrl', isSynchronized: true },
      rfi: { relation: 'rfi' },
      fri: { relation: 'fri' },
      wsi: { relation: 'wsi' },
      'dmb.sy': { relation: 'fence', fence: 'DMB SY' },
      'dmb.ld': { relation: 'fence', fence: 'DMB LD' },
      'dmb.st': { relation: 'fence', fence: 'DMB ST' },
    },
    annotations: {
      p: { order: '' },
      na: { order: '' },
      a: { order: 'acquire', needs: 'R' },
      q: { order: 'acquire-pc', needs: 'R' },
      l: { order: 'release', needs: 'W' },
      x: { order: 'exclusive' },
    },
  },

  print(name, cycle) {
    const threads = cycle.threads.map((thread, index) => new ThreadWriter(thread, index, cycle.locations));
    const canFail = threads.some((thread) => thread.canFail);
    const finals = canFail ? everyFinal(cycle) : cycle.finals;
    return assemblyFile({
      title: `AArch64 ${name}`,
      cycle,
      initial: [...(canFail ? [`${flag}=1;`] : []), ...threads.map(({ initial }) => initial)],
      threads: threads.map(({ lines }) => lines),
      registers: threads.flatMap(({ wanted }, thread) => wanted.map((term) => `${thread}:${term}`)),
      finals: [...finals.map(({ location, value }) => `${location}=${value}`), ...(canFail ? [`${flag}=1`] : [])],
    });
  },
};

/** Location that a thread clears whose store-exclusive fails. */
const flag = 'ok';

/** Reads by exclusives write too: the last value of each location says that theirs are not the last. */
function everyFinal(cycle: SolvedCycle): SolvedCycle['finals'] {
  const accesses = cycle.threads.flatMap((thread) => thread.accesses);
  return cycle.locations.map((location) => ({
    location,
    value: Math.max(...accesses.filter((access) => access.location === location).map(({ value }) => value)),
  }));
}

const flagAddress = 'X28';

const loads: Readonly<Record<string, string>> = { a: 'LDAR', q: 'LDAPR' };

/** Writes one thread: values in W0, W1, …; addresses in X20 and up, in the order of the thread's locations. */
class ThreadWriter {
  readonly lines: string[] = [];
  /** Terms of the condition. */
  readonly wanted: string[] = [];
  readonly initial: string;
  readonly #addresses: ReadonlyMap<string, string>;
  canFail = false;
  #nextValue = 0;
  #nextLabel = 0;
  readonly #thread: number;

  constructor({ accesses, edges }: CycleThread, thread: number, locations: readonly string[]) {
    this.#thread = thread;
    const used = locations.filter((location) => accesses.some((access) => access.location === location));
    this.#addresses = new Map(used.map((location, index) => [location, `X${20 + index}`]));
    const initial = used.map((location) => `${thread}:${this.#addressOf(location)}=${location};`);
    let read = '';
    accesses.forEach((access, place) => {
      const result = this.#access(access, edges[place - 1], read);
      read = access.direction === 'R' ? result : read;
      const fence = edges[place]?.fence;
      if (fence !== undefined) {
        this.lines.push(fence);
      }
    });
    if (this.canFail) {
      const cleared = this.#value();
      this.lines.push(`B Exit${thread}`, `Fail${thread}:`);
      this.lines.push(`MOV ${cleared},#0`, `STR ${cleared},[${flagAddress}]`, `Exit${thread}:`);
      initial.push(`${thread}:${flagAddress}=${flag};`);
    }
    this.initial = initial.join(' ');
  }

  /** Gives the register that a read went to. */
  #access(access: Access, edge: Edge | undefined, read: string): string {
    if (edge?.relation === 'ctrl') {
      const label = `LC${this.#thread}${this.#nextLabel}`;
      this.#nextLabel += 1;
      this.lines.push(`CBNZ ${read},${label}`, `${label}:`, ...(edge.isSynchronized === true ? ['ISB'] : []));
    }
    const place = this.#place(access, edge, read);
    if (access.direction === 'R') {
      const into = this.#value();
      if (access.annotation === 'x') {
        this.#exclusives(into, into, place);
        this.wanted.push(`X${into.slice(1)}=${access.value}`);
        return into;
      }
      this.lines.push(`${loads[access.annotation ?? 'p'] ?? 'LDR'} ${into},${place}`);
      this.wanted.push(`X${into.slice(1)}=${access.value}`);
      return into;
    }
    const value = this.#value();
    if (edge?.relation === 'data') {
      this.lines.push(`EOR ${value},${read},${read}`, `ADD ${value},${value},#${access.value}`);
    } else {
      this.lines.push(`MOV ${value},#${access.value}`);
    }
    if (access.annotation === 'x') {
      const old = this.#value();
      this.#exclusives(old, value, place);
      this.wanted.push(`X${old.slice(1)}=${access.value - 1}`);
    } else {
      this.lines.push(`${access.annotation === 'l' ? 'STLR' : 'STR'} ${value},${place}`);
    }
    return '';
  }

  #exclusives(into: string, value: string, place: string): void {
    const status = this.#value();
    this.lines.push(`LDXR ${into},${place}`, `STXR ${status},${value},${place}`, `CBNZ ${status},Fail${this.#thread}`);
    this.canFail = true;
  }

  /** The address operand. LDAR and STLR have no index register: theirs is added first. */
  #place(access: Access, edge: Edge | undefined, read: string): string {
    const base = this.#addressOf(access.location);
    if (edge?.relation !== 'addr') {
      return `[${base}]`;
    }
    const zero = this.#value();
    this.lines.push(`EOR ${zero},${read},${read}`);
    if (access.annotation === undefined || access.annotation === 'p') {
      return `[${base},${zero},SXTW]`;
    }
    const sum = this.#value();
    this.lines.push(`ADD X${sum.slice(1)},${base},${zero},SXTW`);
    return `[X${sum.slice(1)}]`;
  }

  #addressOf(location: string): string {
    return this.#addresses.get(location) ?? 'no address';
  }

  #value(): string {
    const register = this.#nextValue;
    this.#nextValue += 1;
    return `W${register}`;
  }
}
