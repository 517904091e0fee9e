import { describe, expect, it } from 'vitest';
import { type TraceEvent, traceEventFields } from '../../models/trace-events.ts';
import { type AssembledWorld, assemble } from '../../scenarios/assemble.ts';
import { loadScenario } from '../../scenarios/load-scenario.ts';
import { RandomScheduler } from '../../sim/schedulers/random.ts';
import { Trace, type TraceRecord } from '../../sim/trace.ts';

type Small =
  | { readonly kind: 'word'; readonly value: number; readonly ok: boolean; readonly words: readonly number[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'pair'; readonly left: string; readonly right: string }
  | { readonly kind: 'lists'; readonly before: readonly number[]; readonly after: readonly number[] };

const smallFields = {
  word: ['value', 'ok', 'words'],
  text: ['text'],
  note: ['text'],
  pair: ['left', 'right'],
  lists: ['before', 'after'],
} as const;

function smallTrace(): { trace: Trace<Small>; clock: { nowNs: number; stepNumber: number; processId: number } } {
  const clock = { nowNs: 0, stepNumber: 0, processId: -1 };
  return { trace: new Trace<Small>(clock, smallFields), clock };
}

const word: Small = { kind: 'word', value: 1, ok: true, words: [1, 2] };

describe('a channel', () => {
  it('is not active while nobody listens', () => {
    const { trace } = smallTrace();
    expect([trace.channel('word').active, trace.channel('text').active]).toEqual([false, false]);
    trace.observe('word', () => {});
    expect([trace.channel('word').active, trace.channel('text').active]).toEqual([true, false]);
    trace.record(true);
    expect([trace.channel('word').active, trace.channel('text').active]).toEqual([true, true]);
    trace.record(false);
    expect([trace.channel('word').active, trace.channel('text').active]).toEqual([true, false]);
  });

  it('is the same for everyone who asks', () => {
    const { trace } = smallTrace();
    expect(trace.channel('word')).toBe(trace.channel('word'));
  });

  it('tells each observer of its kind once, in the order of the events, and first come first', () => {
    const { trace } = smallTrace();
    const told: string[] = [];
    trace.observe('text', ({ text }) => told.push(`first ${text}`));
    trace.observe('word', ({ value }) => told.push(`word ${value}`));
    trace.observe('text', ({ text }) => told.push(`second ${text}`));
    trace.channel('text').emit({ kind: 'text', text: 'a' });
    trace.channel('word').emit({ kind: 'word', value: 7, ok: true, words: [] });
    trace.channel('text').emit({ kind: 'text', text: 'b' });
    expect(told).toEqual(['first a', 'second a', 'word 7', 'first b', 'second b']);
  });

  it('keeps nothing unless recording', () => {
    const { trace } = smallTrace();
    trace.observe('word', () => {});
    trace.channel('word').emit({ kind: 'word', value: 7, ok: true, words: [] });
    expect(trace.records).toEqual([]);
  });
});

describe('a recording', () => {
  it('stamps each event with step, moment and process', () => {
    const { trace, clock } = smallTrace();
    trace.record(true);
    clock.nowNs = 5_000_000_000;
    clock.stepNumber = 3;
    clock.processId = 2;
    trace.channel('text').emit({ kind: 'text', text: 'a' });
    clock.stepNumber = 4;
    trace.channel('text').emit({ kind: 'text', text: 'b' });
    expect(trace.records).toEqual([
      { stepNumber: 3, atNs: 5_000_000_000, processId: 2, event: { kind: 'text', text: 'a' } },
      { stepNumber: 4, atNs: 5_000_000_000, processId: 2, event: { kind: 'text', text: 'b' } },
    ]);
  });

  it('has an event before those that its observers make of it', () => {
    const { trace } = smallTrace();
    trace.observe('word', ({ value }) => trace.channel('text').emit({ kind: 'text', text: `saw ${value}` }));
    trace.record(true);
    trace.channel('word').emit({ kind: 'word', value: 7, ok: true, words: [] });
    expect(trace.records.map(({ event }) => event.kind)).toEqual(['word', 'text']);
  });

  it('is forgotten by clear, and what was taken from it stays', () => {
    const { trace } = smallTrace();
    trace.record(true);
    trace.channel('text').emit({ kind: 'text', text: 'a' });
    const { records } = trace;
    trace.clear();
    expect(trace.records).toEqual([]);
    expect(records).toHaveLength(1);
    trace.channel('text').emit({ kind: 'text', text: 'b' });
    expect(trace.records).toHaveLength(1);
    trace.record(false);
    trace.channel('text').emit({ kind: 'text', text: 'c' });
    expect(trace.records).toHaveLength(1);
  });
});

describe('the digest', () => {
  const digestOf = (...events: readonly Small[]) => {
    const { trace } = smallTrace();
    trace.record(true);
    for (const event of events) trace.channel<Small['kind']>(event.kind).emit(event as never);
    return trace.digest();
  };

  it('is 16 hexadecimal digits, the same for the same records', () => {
    expect(digestOf(word)).toMatch(/^[0-9a-f]{16}$/);
    expect(digestOf(word)).toBe(digestOf({ ...word }));
  });

  it('sees order, number and the borders between fields', () => {
    const text = (value: string): Small => ({ kind: 'text', text: value });
    const traces: (readonly Small[])[] = [
      [],
      [text('')],
      [text(''), text('')],
      [text('a'), text('b')],
      [text('b'), text('a')],
      [text('ab'), text('')],
      [text('ab')],
      [{ kind: 'note', text: 'ab' }],
      [{ kind: 'lists', before: [1], after: [2, 3] }],
      [{ kind: 'lists', before: [1, 2], after: [3] }],
      [{ kind: 'pair', left: 'ab', right: 'c' }],
      [{ kind: 'pair', left: 'a', right: 'bc' }],
      [word],
      [{ ...word, words: [1] }],
      [{ ...word, words: [1, 2, 0] }],
      [{ ...word, words: [2, 1] }],
      [{ ...word, words: [] }],
      [{ ...word, value: 0x1_0000_0001 }],
      [{ ...word, value: -1 }],
      [{ ...word, ok: false }],
    ];
    expect(new Set(traces.map((events) => digestOf(...events))).size).toBe(traces.length);
  });

  it('does not depend on the order of an object’s keys', () => {
    expect(digestOf({ words: [1, 2], ok: true, value: 1, kind: 'word' })).toBe(digestOf(word));
  });
});

/** The teardown of a PASID entry under DMA, written out here: it shall not change when the shipped scenarios do. */
const scenario = loadScenario(
  'trace.yaml',
  new TextEncoder().encode(`
title: a PASID entry is torn down
source: test/sim/trace.test.ts
platform:
  memory: x86-tso
  iommu: { model: vtd, fetchOrder: any, contextCacheEntries: 1, pasidCacheEntries: $cache, iotlbEntries: $cache }
  devices: { nic: { requesterId: "00:02.0" } }
domains: { a: { stage: $stage, did: 5, map: { 0x1000: page1 } } }
start: { attach: [{ device: nic, pasid: 1, domain: a }] }
tasks:
  teardown: { cpu: 0, flow: vtd/pasid-teardown, with: { device: nic, pasid: 1, domain: a, order: $order } }
  traffic: { device: nic, dma: { pasid: 1, iova: 0x1000, repeat: 3 } }
cases:
  torn: { stage: first, cache: 0, order: clear-first, expect: corrupted-entry }
  cached: { stage: nested, cache: 1, order: present-bit-first, expect: holds }
`),
);

function worldOf(name: string): AssembledWorld {
  const found = scenario.cases.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`the scenario has no case ${name}`);
  return assemble(found.world, found.reach);
}

function run({ system }: AssembledWorld, seed: number): void {
  const scheduler = new RandomScheduler();
  scheduler.seed = { low: seed, high: 0 };
  system.kernel.run(scheduler);
}

/** Values next to a value, each of which a digest has to tell from it. */
function othersThan(value: unknown): readonly unknown[] {
  switch (typeof value) {
    case 'number':
      return [value + 1, value - 1, value + 0x1_0000_0000];
    case 'boolean':
      return [!value];
    case 'string':
      return [`${value}x`, value.slice(1), ''].filter((other) => other !== value);
  }
  const words = value as readonly number[];
  const changed = words.map((_, i) => words.map((w, j) => (i === j ? w ^ 1 : w)));
  return [...changed, [...words, 0], ...(words.length > 0 ? [words.slice(1)] : [])];
}

describe.each([
  { name: 'torn', seed: 1 },
  { name: 'cached', seed: 2 },
])('the recorded run of $name', ({ name, seed }) => {
  const world = worldOf(name);
  const { trace } = world.system;
  trace.record(true);
  run(world, seed);
  const records: readonly TraceRecord<TraceEvent>[] = trace.records;
  const digest = trace.digest();

  const digestWith = (index: number, record: TraceRecord<TraceEvent>) => {
    trace.records = records.with(index, record) as TraceRecord<TraceEvent>[];
    const changed = trace.digest();
    trace.records = [...records];
    return changed;
  };

  it('has events of many kinds, and every field of theirs is in the table', () => {
    const kinds = new Set(records.map(({ event }) => event.kind));
    expect(kinds.size).toBeGreaterThanOrEqual(15);
    for (const { event } of records) {
      const fields = Object.keys(event).filter((key) => key !== 'kind');
      expect([...traceEventFields[event.kind]].sort()).toEqual(fields.sort());
    }
  });

  it('has another digest with any single field of any record changed', () => {
    let changes = 0;
    for (const [index, record] of records.entries()) {
      for (const field of traceEventFields[record.event.kind]) {
        for (const other of othersThan(record.event[field as keyof TraceEvent])) {
          expect(digestWith(index, { ...record, event: { ...record.event, [field]: other } })).not.toBe(digest);
          changes += 1;
        }
      }
    }
    expect(changes).toBeGreaterThan(5 * records.length);
  });

  it('has another digest with any stamp changed, and with any record left out or doubled', () => {
    for (const [index, record] of records.entries()) {
      for (const stamp of ['stepNumber', 'atNs', 'processId'] as const) {
        expect(digestWith(index, { ...record, [stamp]: record[stamp] + 1 })).not.toBe(digest);
      }
      trace.records = records.toSpliced(index, 1);
      expect(trace.digest()).not.toBe(digest);
      trace.records = records.toSpliced(index, 0, record);
      expect(trace.digest()).not.toBe(digest);
    }
    trace.records = [...records];
    expect(trace.digest()).toBe(digest);
  });

  it('is the same run with nobody listening, and then nothing is emitted that nobody wants', () => {
    const quiet = worldOf(name);
    const kinds = Object.keys(traceEventFields) as TraceEvent['kind'][];
    const silent = kinds.map((kind) => quiet.system.trace.channel(kind)).filter(({ active }) => !active);
    expect(silent.length).toBeGreaterThan(0);
    for (const channel of silent) {
      channel.emit = () => {
        throw new Error('an event was made for nobody');
      };
    }
    run(quiet, seed);
    expect(quiet.system.trace.records).toEqual([]);
    expect(quiet.system.kernel.stepNumber).toBe(world.system.kernel.stepNumber);
    expect(quiet.system.kernel.nowNs).toBe(world.system.kernel.nowNs);
  });

  it('leaves observers what they would see without it', () => {
    const kinds = Object.keys(traceEventFields) as TraceEvent['kind'][];
    const seen: TraceEvent[] = [];
    const observed = worldOf(name);
    for (const kind of kinds) observed.system.trace.observe(kind, (event) => seen.push(event));
    run(observed, seed);
    expect(seen).toEqual(records.map(({ event }) => event));
  });
});
