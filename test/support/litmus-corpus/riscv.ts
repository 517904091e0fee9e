import type { Access, CycleThread } from './cycle.ts';
import { assemblyFile, type Dialect } from './dialect.ts';
import type { Edge } from './edges.ts';

const fenceNames = ['rw.rw', 'rw.w', 'r.rw', 'r.r', 'r.w', 'w.w', 'w.r', 'w.rw', 'rw.r'];

export const riscv: Dialect = {
  words: {
    relations: {
      po: { relation: 'po' },
      addr: { relation: 'addr' },
      data: { relation: 'data' },
      ctrl: { relation: 'ctrl' },
      ctrlfencei: { relation: 'ctrl', isSynchronized: true },
      rfi: { relation: 'rfi' },
      fri: { relation: 'fri' },
      wsi: { relation: 'wsi' },
      'fence.i': { relation: 'fence', fence: 'fence.i' },
      'fence.tso': { relation: 'fence', fence: 'fence.tso' },
      ...Object.fromEntries(
        fenceNames.map((name) => [
          `fence.${name}`,
          { relation: 'fence' as const, fence: `fence ${name.replace('.', ',')}` },
        ]),
      ),
    },
    annotations: {
      p: { order: '' },
      aq: { order: '.aq', needs: 'R' },
      rl: { order: '.rl', needs: 'W' },
      ar: { order: '.aq.rl' },
      x: { order: 'exclusive' },
    },
  },

  print(name, cycle) {
    const threads = cycle.threads.map((thread, index) => new ThreadWriter(thread, index, cycle.locations));
    return assemblyFile({
      title: `RISCV ${name}`,
      cycle,
      initial: threads.map(({ initial }) => initial),
      threads: threads.map(({ lines }) => lines),
      registers: threads.flatMap(({ wanted }, thread) => wanted.map((term) => `${thread}:${term}`)),
      finals: cycle.finals.map(({ location, value }) => `${location}=${value}`),
    });
  },
};

/** Writes one thread: values in x5, x7, x8, …; addresses in x10 and up, in the order of the thread's locations. */
class ThreadWriter {
  readonly lines: string[] = [];
  /** Terms of the condition. */
  readonly wanted: string[] = [];
  readonly initial: string;
  readonly #addresses: ReadonlyMap<string, string>;
  #nextValue = 5;
  #nextLabel = 0;
  readonly #thread: number;

  constructor({ accesses, edges }: CycleThread, thread: number, locations: readonly string[]) {
    this.#thread = thread;
    const used = locations.filter((location) => accesses.some((access) => access.location === location));
    this.#addresses = new Map(used.map((location, index) => [location, `x${10 + index}`]));
    this.initial = used.map((location) => `${thread}:${this.#addressOf(location)}=${location};`).join(' ');
    let read = '';
    accesses.forEach((access, place) => {
      const edge = edges[place - 1];
      const result = this.#access(access, edge, read);
      read = access.direction === 'R' ? result : read;
      const fence = edges[place]?.fence;
      if (fence !== undefined) {
        this.lines.push(fence);
      }
    });
  }

  /** Gives the register that a read went to. */
  #access(access: Access, edge: Edge | undefined, read: string): string {
    if (edge?.relation === 'ctrl') {
      const label = `LC${this.#thread}${this.#nextLabel}`;
      this.#nextLabel += 1;
      this.lines.push(`bne ${read},x0,${label}`, `${label}:`, ...(edge.isSynchronized === true ? ['fence.i'] : []));
    }
    const address = edge?.relation === 'addr' ? this.#dependentAddress(access, read) : this.#addressOf(access.location);
    if (access.direction === 'R') {
      return this.#read(access, address);
    }
    this.#write(access, address, edge?.relation === 'data' ? read : undefined);
    return '';
  }

  #read(access: Access, address: string): string {
    const into = this.#value();
    switch (access.annotation) {
      case 'ar':
        // Only an AMO is both: one that changes nothing.
        this.lines.push(`amoor.w.aq.rl ${into},x0,(${address})`);
        break;
      case 'x': {
        const status = this.#value();
        this.lines.push(`lr.w ${into},(${address})`, `sc.w ${status},${into},(${address})`);
        this.wanted.push(`${status}=0`);
        break;
      }
      default:
        this.lines.push(`lw${access.annotation === 'aq' ? '.aq' : ''} ${into},0(${address})`);
    }
    this.wanted.push(`${into}=${access.value}`);
    return into;
  }

  #write(access: Access, address: string, dependsOn: string | undefined): void {
    const value = this.#value();
    if (dependsOn === undefined) {
      this.lines.push(`ori ${value},x0,${access.value}`);
    } else {
      this.lines.push(`xor ${value},${dependsOn},${dependsOn}`, `ori ${value},${value},${access.value}`);
    }
    switch (access.annotation) {
      case 'ar':
        this.lines.push(`amoswap.w.aq.rl x0,${value},(${address})`);
        break;
      case 'x': {
        const old = this.#value();
        const status = this.#value();
        this.lines.push(`lr.w ${old},(${address})`, `sc.w ${status},${value},(${address})`);
        this.wanted.push(`${old}=${access.value - 1}`, `${status}=0`);
        break;
      }
      default:
        this.lines.push(`sw${access.annotation === 'rl' ? '.rl' : ''} ${value},0(${address})`);
    }
  }

  #dependentAddress(access: Access, read: string): string {
    const zero = this.#value();
    const address = this.#value();
    this.lines.push(`xor ${zero},${read},${read}`, `add ${address},${this.#addressOf(access.location)},${zero}`);
    return address;
  }

  #addressOf(location: string): string {
    return this.#addresses.get(location) ?? 'no address';
  }

  /** x5 to x9, then x20 and up: clear of the addresses. */
  #value(): string {
    const register = this.#nextValue;
    this.#nextValue = register === 9 ? 20 : register + 1;
    return `x${register}`;
  }
}
