import { beforeEach, describe, expect, it } from 'vitest';
import { type EntryModel, EntryRegistry } from '../../models/entry-registry.ts';
import { PhysicalMemory } from '../../models/memory/physical-memory.ts';
import { type TraceEvent, traceEventFields } from '../../models/trace-events.ts';
import { Arena } from '../../sim/arena.ts';
import { Trace } from '../../sim/trace.ts';

/** Bit 0 of word 0 is P; with P the rest of word 0 counts, and word 1 only if bit 1 says so. */
const model: EntryModel = {
  structure: 'context-entry',
  wordCount: 2,
  usedBits(words, base, out) {
    const first = words[base] as number;
    out[0] = (first & 1) === 0 ? 1 : 0xffff_ffff;
    out[1] = (first & 3) === 3 ? 0xffff_ffff : 0;
  },
};
const address = 0x1040;

let memory: PhysicalMemory;
let trace: Trace<TraceEvent>;
let registry: EntryRegistry;
let entry: number;

function make(initial: readonly number[]): void {
  const arena = new Arena();
  memory = new PhysicalMemory(arena, { pageCount: 2, coherentWalks: true });
  trace = new Trace<TraceEvent>({ nowNs: 0, stepNumber: 0, processId: 0 }, traceEventFields);
  trace.record(true);
  registry = new EntryRegistry(arena, memory, trace, 4);
  memory.initialise(address, initial);
  entry = registry.track(address, 'nic.context', model);
}

function matchOf(...words: readonly number[]): number {
  return registry.match(entry, words, 0);
}

function recorded<K extends TraceEvent['kind']>(kind: K): readonly Extract<TraceEvent, { kind: K }>[] {
  return trace.records.flatMap(({ event }) => (event.kind === kind ? [event as Extract<TraceEvent, { kind: K }>] : []));
}

beforeEach(() => make([0b111, 0xaa]));

describe('the declared configurations of an entry', () => {
  it('start with what memory holds, as version 1', () => {
    expect(matchOf(0b111, 0xaa)).toBe(1);
    expect(recorded('entry-declared')).toMatchObject([{ entry, version: 1, words: [0b111, 0xaa] }]);
  });

  it('match on the bits in use and on no others', () => {
    make([0b101, 0xaa]);
    // Bit 1 is clear, so word 1 is looked at in neither.
    expect(matchOf(0b101, 0xbb)).toBe(1);
    expect(matchOf(0b001, 0xaa)).toBe(0);
    make([0b111, 0xaa]);
    expect(matchOf(0b111, 0xbb)).toBe(0);
  });

  it('match on what either of the two looks at: a torn entry is not excused by its own bits', () => {
    // What was read does not use word 1, what was declared does, and they differ in the bit that says so.
    expect(matchOf(0b101, 0xaa)).toBe(0);
  });

  it('match an absent one whatever its other bits are', () => {
    make([0, 0]);
    expect(matchOf(0b110, 0xff)).toBe(1);
    expect(matchOf(0b111, 0)).toBe(0);
  });

  it('reuse the version of contents declared before', () => {
    registry.beginUpdate(entry, [[0b111, 0xbb]], false);
    registry.endUpdate(entry, [0b111, 0xbb]);
    registry.beginUpdate(entry, [[0b111, 0xaa]], false);
    registry.endUpdate(entry, [0b111, 0xaa]);
    expect(recorded('entry-declared').map(({ version }) => version)).toEqual([1, 2]);
    expect(matchOf(0b111, 0xaa)).toBe(1);
    expect(matchOf(0b111, 0xbb)).toBe(2);
  });

  it('are legal from the begin of an update, and only the target after its end', () => {
    registry.beginUpdate(
      entry,
      [
        [0, 0],
        [0b111, 0xbb],
      ],
      true,
    );
    registry.endUpdate(entry, [0b111, 0xbb]);
    expect(recorded('update-begin')).toMatchObject([{ entry, hitless: true, legal: 0b1110 }]);
    expect(recorded('update-end')).toMatchObject([{ entry, legal: 0b1000 }]);
  });

  it('stay known after they are no longer legal, so that stale is told from torn', () => {
    registry.beginUpdate(entry, [[0, 0]], false);
    registry.endUpdate(entry, [0, 0]);
    expect(matchOf(0b111, 0xaa)).toBe(1);
  });

  it('are none for an entry that is not tracked', () => {
    expect(registry.entryAt(address + 8)).toBe(-1);
    expect(registry.match(-1, [0, 0], 0)).toBe(0);
    expect(registry.match(entry + 1, [0b111, 0xaa], 0)).toBe(0);
    expect(registry.nameOf(-1)).toBe('no declared entry');
  });

  it('are at most fifteen', () => {
    const declare = (value: number): void => registry.beginUpdate(entry, [[0b111, value]], false);
    for (let value = 1; value <= 14; value += 1) {
      declare(value);
    }
    expect(() => declare(15)).toThrow('at most 15 declared configurations');
    expect(() => declare(14)).not.toThrow();
  });

  it('are announced once more for observers that come before the run', () => {
    registry.beginUpdate(entry, [[0, 0]], false);
    trace.clear();
    registry.announce();
    expect(recorded('entry-declared').map(({ version }) => version)).toEqual([1, 2]);
    expect(recorded('update-end')).toMatchObject([{ entry, legal: 0b110 }]);
  });
});

describe('tracking', () => {
  it('an address twice gives the entry it is', () => {
    expect(registry.track(address, 'again', model)).toBe(entry);
    expect(registry.list()).toEqual([{ id: entry, address, byteCount: 8, name: 'nic.context' }]);
  });

  it('refuses more entries than there is room for', () => {
    for (const at of [0, 64, 128]) {
      registry.track(at, `entry ${at}`, model);
    }
    expect(() => registry.track(192, 'one more', model)).toThrow('the registry has room for the entry');
  });

  it('tells of every store that touches the entry, with what was there before, and of no other', () => {
    memory.write(address + 4, [0xbb], 0, 1);
    memory.write(address - 4, [1], 0, 1);
    memory.write(address + 8, [1], 0, 1);
    memory.write(address, [0, 0xbb], 0, 2);
    expect(recorded('entry-changed')).toMatchObject([
      { entry, version: 0, before: [0b111, 0xaa], words: [0b111, 0xbb] },
      { entry, version: 0, before: [0b111, 0xbb], words: [0, 0xbb] },
    ]);
  });

  it('tells of a write by a device as well', () => {
    memory.deviceWrite(address, [0b110]);
    expect(recorded('entry-changed')).toMatchObject([{ before: [0b111, 0xaa], words: [0b110, 0xaa] }]);
  });
});
