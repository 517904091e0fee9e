import { describe, expect, it } from 'vitest';
import type { AtsConfig } from '../../../models/pcie/ats-config.ts';
import { AtsEndpoint } from '../../../models/pcie/ats-endpoint.ts';
import { type TraceEvent, traceEventFields } from '../../../models/trace-events.ts';
import { Arena } from '../../../sim/arena.ts';
import { Fifo } from '../../../sim/containers.ts';
import { Kernel } from '../../../sim/kernel.ts';
import { Delay, type Flow, Note, WaitUntil } from '../../../sim/operation.ts';
import { Trace } from '../../../sim/trace.ts';
import { enumerateSchedules } from '../../support/enumerate-schedules.ts';

const sid = 0x10;
const window = { minNs: 1, maxNs: 1_000_000 };
const rightAway: AtsConfig = {
  entries: 1,
  answers: 'always',
  queueDepth: 1,
  answersAfterDoorbell: false,
  marksInFlight: true,
  waitsForDma: true,
  present: true,
};

/** One function, and steps that send it requests and write to it: `request`, or `write`, or `answer` to wait for one. */
class LinkWorld {
  readonly kernel: Kernel;
  readonly endpoint: AtsEndpoint;
  readonly #trace: Trace<TraceEvent>;
  readonly #answers: Fifo;

  constructor(config: Partial<AtsConfig>, agents: readonly (readonly ('request' | 'write' | 'answer')[])[]) {
    const arena = new Arena();
    this.kernel = new Kernel(arena, { maxEvents: 1000, maxTimeNs: 1_000_000_000, maxRetries: 1 });
    this.#trace = new Trace<TraceEvent>(this.kernel, traceEventFields);
    this.#answers = new Fifo(arena, 'answers', 40, 1);
    const ports = {
      arena,
      trace: this.#trace,
      link: window,
      answer: (itag: number) => this.#answers.set(this.#answers.push(), 0, itag),
    };
    this.endpoint = new AtsEndpoint({ name: 'nic', sid }, { ...rightAway, ...config }, ports);
    const writes = agents.some((steps) => steps.includes('write'));
    if (writes) {
      this.endpoint.expectWrites();
    }
    for (const [i, steps] of agents.entries()) {
      this.kernel.addProcess({ name: `agent ${i}`, kind: 'task', body: () => this.#body(steps) });
    }
    this.kernel.addProcess({ name: 'device TLB', kind: 'engine', body: this.endpoint.invalidationStep() });
    this.kernel.addProcess({ name: 'link', kind: 'engine', body: this.endpoint.linkStep() });
    this.kernel.seal();
  }

  send(itag: number): void {
    this.endpoint.receive({ sid, pasid: -1, global: false, firstPage: itag, pageCount: 1, itag });
  }

  /** How many schedules end with these ITags answered, in this order; with `events`: that have these events of the link. */
  ends(events = false): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    this.#trace.record(true);
    this.#trace.clear();
    for (const { outcome } of enumerateSchedules(this.kernel)) {
      expect(outcome.end).toBe('finished');
      const told = this.#trace.records.flatMap(({ event }) =>
        event.kind === 'link-message' ? [`${event.itag} ${event.state}${event.blocked ? ', blocked' : ''}`] : [],
      );
      const end = events ? told.join('; ') : this.answered;
      counts[end] = (counts[end] ?? 0) + 1;
      this.#trace.clear();
    }
    this.#trace.record(false);
    return counts;
  }

  get answered(): string {
    return Array.from({ length: this.#answers.length }, (_, row) => this.#answers.get(row, 0)).join();
  }

  *#body(steps: readonly ('request' | 'write' | 'answer')[]): Flow {
    let [itag, awaited] = [0, 0];
    for (const step of steps) {
      if (step === 'answer') {
        awaited += 1;
        const count = awaited;
        yield new WaitUntil('an answer', () => this.#answers.length >= count, 1, 1_000_000);
      } else {
        yield new Delay(1, 1_000_000, step);
        const sent = itag;
        itag += Number(step === 'request');
        yield new Note(step, () => (step === 'write' ? this.endpoint.write() : this.send(sent)));
      }
    }
  }
}

const two = ['request', 'request'] as const;

/*
 * r0, r1, ...: a request is sent; w: a write is; l: the foremost message comes off the link; v: a request is served. With
 * depth 1 the first request is in the queue at once; one that is sent while it is there waits on the link, until v.
 */
describe('a function with room for one request', () => {
  it('lets the second one wait on the link', () => {
    // r0 r1 v l v, and r0 v r1 v.
    expect(new LinkWorld({}, [two]).ends(true)).toEqual({ '1 waits, blocked; 1 arrives': 1, '': 1 });
    expect(new LinkWorld({}, [two]).ends()).toEqual({ '0,1': 2 });
  });

  it('takes them in the order in which they were sent', () => {
    /*
     * After r0 v: r1, then r2 v l v or v r2 v: 2. After r0 r1: r2 v l v l v: 1; or v, and then r2 l v l v, or l and the 2
     * from above: 3.
     */
    expect(new LinkWorld({}, [['request', ...two]]).ends()).toEqual({ '0,1,2': 6 });
  });

  it('is without requests on the link where nobody sends more than that', () => {
    expect(new LinkWorld({}, [['request', 'answer', 'request']]).ends(true)).toEqual({ '': 1 });
  });
});

describe('a write of a CPU', () => {
  it('waits on the link behind requests for which there is no room, and requests behind it', () => {
    const seen = Object.keys(new LinkWorld({}, [two, ['write']]).ends(true));
    expect(seen).toContain('1 waits, blocked; -1 waits, blocked; 1 arrives; -1 arrives');
    expect(seen).toContain('-1 waits; 0 waits; 1 waits; -1 arrives; 0 arrives, blocked; 1 arrives');
    const behind = seen.filter((events) => events.startsWith('1 waits, blocked; -1 waits'));
    expect(behind.every((events) => events.endsWith('1 arrives; -1 arrives'))).toBe(true);
  });

  it('for which the function waits never comes if it is behind them', () => {
    /*
     * w first: 6. Then l: r0, and r1 v l v or v r1 v: 2; or r0, which is behind w: then r1 l l v l v: 1; or l, and then
     * r1 l v l v: 1, or l and r1 v l v or v r1 v: 2.
     * r0 w: 3. Then l, and r1 v l v or v r1 v: 2; or r1 l v l v: 1.
     * r0 r1 w, and nothing goes on: 1.
     */
    const world = new LinkWorld({ answersAfterDoorbell: true }, [two, ['write']]);
    expect(world.ends()).toEqual({ '0,1': 9, '': 1 });
  });

  it('for which the function waits comes if nobody sends more requests than there is room for', () => {
    // w l r0, w r0 l l or r0 w l, and then v r1 v.
    const limited = new LinkWorld({ answersAfterDoorbell: true }, [['request', 'answer', 'request'], ['write']]);
    expect(limited.ends()).toEqual({ '0,1': 3 });
    /*
     * With room for both: where r1 comes to a function that has r0 and the write, 3 ways are left: r1, and either answer
     * first, or v r1 v. Where both are in the queue before the write is, 2. w first: l r0 (3); r0 l, and l (3) or r1 l (3);
     * r0 r1 l l (3). r0 w: l (3), or r1 l (3). r0 r1 w l (2).
     */
    const enough = new LinkWorld({ answersAfterDoorbell: true, queueDepth: 2 }, [two, ['write']]);
    expect(enough.ends()).toEqual({ '0,1': 6 * 2 + 1, '1,0': 6 + 1 });
  });
});

describe('an invalidation request may stay without an answer', () => {
  const waiting = (config: Partial<AtsConfig> = {}): LinkWorld =>
    new LinkWorld({ answersAfterDoorbell: true, ...config }, []);

  it('where the function waits for a write, from the request on that finds no room before it', () => {
    const world = waiting();
    expect(world.endpoint.canBeSilent).toBe(true);
    world.send(0);
    expect(world.endpoint.mayStaySilent(0)).toBe(false);
    world.endpoint.write();
    expect(world.endpoint.mayStaySilent(0)).toBe(false);
    world.send(1);
    // The write is before it.
    expect([0, 1].map((itag) => world.endpoint.mayStaySilent(itag))).toEqual([false, false]);
    const other = waiting();
    other.send(0);
    other.send(1);
    other.endpoint.write();
    expect([0, 1].map((itag) => other.endpoint.mayStaySilent(itag))).toEqual([true, true]);
  });

  it('not where the function waits for nothing', () => {
    const world = waiting({ answersAfterDoorbell: false });
    world.send(0);
    world.send(1);
    expect(world.endpoint.canBeSilent).toBe(false);
    expect([0, 1].map((itag) => world.endpoint.mayStaySilent(itag))).toEqual([false, false]);
  });

  it('where the function takes no notice of it, and then it blocks nothing', () => {
    const world = new LinkWorld({ answers: 1 }, [two, ['write']]);
    // r1 is thrown away where the link is empty, or when it comes off the link; 0 is answered in any case.
    expect(Object.keys(world.ends())).toEqual(['0']);
    expect(world.endpoint.mayStaySilent(1)).toBe(true);
  });
});

describe('a function with room for 32 requests', () => {
  it('has no more of them, and needs no link for them', () => {
    const { endpoint } = new LinkWorld({ queueDepth: 32 }, []);
    const send = (itag: number): void =>
      endpoint.receive({ sid, pasid: -1, global: false, firstPage: 0, pageCount: 1, itag });
    for (let itag = 0; itag < 32; itag += 1) {
      send(itag);
    }
    expect(endpoint.usesLink).toBe(false);
    expect(() => send(0)).toThrow('more than 32 ATS invalidation requests at one function');
  });

  it('that is gone loses writes', () => {
    const { endpoint } = new LinkWorld({ queueDepth: 32, present: false }, []);
    for (let i = 0; i < 50; i += 1) {
      endpoint.write();
    }
    expect(endpoint.mayStaySilent(0)).toBe(true);
  });
});
