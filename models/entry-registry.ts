import type { Arena } from '../sim/arena.ts';
import { assert } from '../sim/assert.ts';
import { Table } from '../sim/containers.ts';
import type { Channel } from '../sim/trace.ts';
import type { PhysicalMemory } from './memory/physical-memory.ts';
import type { Structure, SystemTrace, TraceEvent } from './trace-events.ts';

/** What the registry has to know about a structure; entry layouts provide it. */
export interface EntryModel {
  readonly structure: Structure;
  readonly wordCount: number;
  /** Bits hardware looks at, given the entry's own contents; `out` has `wordCount` words. */
  usedBits(words: ArrayLike<number>, base: number, out: Uint32Array): void;
}

interface TrackedEntry {
  readonly id: number;
  readonly address: number;
  readonly name: string;
  readonly model: EntryModel;
  readonly configurations: Table;
}

const maxVersions = 15;
const state = { versions: 0, legal: 1, open: 2, ended: 3 } as const;

/**
 * The table entries that software owns and hardware reads, and which configurations software has declared for each. A
 * flow declares what it is about to write, so nothing is guessed: bits that equal no declared configuration are torn,
 * and a translation keeps the version it was built from as its provenance.
 */
export class EntryRegistry {
  readonly #arena: Arena;
  readonly #memory: PhysicalMemory;
  readonly #entries: TrackedEntry[] = [];
  readonly #byAddress = new Map<number, TrackedEntry>();
  readonly #state: Table;
  readonly #declared: Channel<Extract<TraceEvent, { kind: 'entry-declared' }>>;
  readonly #begun: Channel<Extract<TraceEvent, { kind: 'update-begin' }>>;
  readonly #ended: Channel<Extract<TraceEvent, { kind: 'update-end' }>>;
  readonly #changed: Channel<Extract<TraceEvent, { kind: 'entry-changed' }>>;
  readonly #usedHere = new Uint32Array(16);
  readonly #usedThere = new Uint32Array(16);
  #before: readonly number[] = [];

  constructor(arena: Arena, memory: PhysicalMemory, trace: SystemTrace, capacity: number) {
    this.#arena = arena;
    this.#memory = memory;
    this.#state = new Table(arena, 'entries', capacity, 4);
    this.#declared = trace.channel('entry-declared');
    this.#begun = trace.channel('update-begin');
    this.#ended = trace.channel('update-end');
    this.#changed = trace.channel('entry-changed');
  }

  /** Follows one entry; what memory holds now is its first declared configuration, unless it is left-over bits. */
  track(address: number, name: string, model: EntryModel, isLeftover = false): number {
    const known = this.#byAddress.get(address);
    if (known !== undefined) {
      return known.id;
    }
    const id = this.#entries.length;
    assert(id < this.#state.rows, 'the registry has room for the entry');
    const configurations = new Table(this.#arena, `entries.${name}`, maxVersions + 1, model.wordCount);
    const entry = { id, address, name, model, configurations };
    this.#entries.push(entry);
    this.#byAddress.set(address, entry);
    this.#memory.watch(
      address,
      model.wordCount * 4,
      (storeAddress, wordCount) => this.#beforeStore(entry, storeAddress, wordCount),
      (storeAddress, wordCount) => this.#afterStore(entry, storeAddress, wordCount),
    );
    const initial = isLeftover ? new Uint32Array(model.wordCount) : this.#contents(entry);
    const version = this.#declare(entry, initial);
    this.#state.set(id, state.legal, 1 << version);
    return id;
  }

  /** Id of the entry at an address, or -1. */
  entryAt(address: number): number {
    return this.#byAddress.get(address)?.id ?? -1;
  }

  nameOf(entry: number): string {
    return this.#entries[entry]?.name ?? 'no declared entry';
  }

  modelOf(entry: number): EntryModel {
    return (this.#entries[entry] as TrackedEntry).model;
  }

  /** All tracked entries: id, first byte, bytes and name. */
  list(): readonly { id: number; address: number; byteCount: number; name: string }[] {
    return this.#entries.map(({ id, address, name, model }) => ({ id, address, name, byteCount: model.wordCount * 4 }));
  }

  /**
   * Software is about to change an entry: from now on the configurations listed are legal too; the last one is the
   * target. `hitless` says that no DMA may fault meanwhile.
   */
  beginUpdate(entry: number, targets: readonly ArrayLike<number>[], hitless: boolean): void {
    const tracked = this.#entries[entry] as TrackedEntry;
    let legal = this.#state.get(entry, state.legal);
    for (const target of targets) {
      legal |= 1 << this.#declare(tracked, target);
    }
    this.#state.set(entry, state.legal, legal);
    this.#state.set(entry, state.open, this.#state.get(entry, state.open) + 1);
    if (this.#begun.active) {
      this.#begun.emit({ kind: 'update-begin', entry, hitless, legal });
    }
  }

  /** Software was told that nothing older than `target` is in use any more; only it is legal from here. */
  endUpdate(entry: number, target: ArrayLike<number>): void {
    const version = this.#declare(this.#entries[entry] as TrackedEntry, target);
    const open = Math.max(0, this.#state.get(entry, state.open) - 1);
    // Where updates of one entry overlap, any of their targets may be the last one stored: none is taken back by another.
    const ended = this.#state.get(entry, state.ended) | (1 << version);
    const legal = open > 0 ? this.#state.get(entry, state.legal) | ended : ended;
    this.#state.set(entry, state.open, open);
    this.#state.set(entry, state.ended, open > 0 ? ended : 0);
    this.#state.set(entry, state.legal, legal);
    if (this.#ended.active) {
      this.#ended.emit({ kind: 'update-end', entry, legal });
    }
  }

  /**
   * Version of the newest declared configuration that the bits equal, on everything hardware looks at in either; 0 if
   * there is none, also when `entry` is -1.
   */
  match(entry: number, words: ArrayLike<number>, base: number): number {
    const tracked = this.#entries[entry];
    if (tracked === undefined) {
      return 0;
    }
    for (let version = this.#state.get(entry, state.versions); version > 0; version -= 1) {
      if (this.#equals(tracked, version, words, base)) {
        return version;
      }
    }
    return 0;
  }

  #declare(tracked: TrackedEntry, words: ArrayLike<number>): number {
    const known = this.match(tracked.id, words, 0);
    if (known !== 0) {
      return known;
    }
    const version = this.#state.get(tracked.id, state.versions) + 1;
    assert(version <= maxVersions, `an entry has at most ${maxVersions} declared configurations in a run`);
    this.#state.set(tracked.id, state.versions, version);
    for (let i = 0; i < tracked.model.wordCount; i += 1) {
      tracked.configurations.set(version, i, words[i] as number);
    }
    if (this.#declared.active) {
      this.#emitDeclared(tracked, version);
    }
    return version;
  }

  /** Tells observers of the configurations declared before the run; call once, when all of them listen. */
  announce(): void {
    for (const tracked of this.#entries) {
      for (let version = 1; version <= this.#state.get(tracked.id, state.versions); version += 1) {
        this.#emitDeclared(tracked, version);
      }
      const legal = this.#state.get(tracked.id, state.legal);
      this.#ended.emit({ kind: 'update-end', entry: tracked.id, legal });
    }
  }

  #emitDeclared(tracked: TrackedEntry, version: number): void {
    const { structure, wordCount } = tracked.model;
    const words: number[] = [];
    for (let i = 0; i < wordCount; i += 1) {
      words.push(tracked.configurations.get(version, i) >>> 0);
    }
    this.#declared.emit({ kind: 'entry-declared', structure, entry: tracked.id, version, words });
  }

  #equals(tracked: TrackedEntry, version: number, words: ArrayLike<number>, base: number): boolean {
    const { model, configurations } = tracked;
    const configured = configurations.rowBase(version);
    model.usedBits(words, base, this.#usedHere);
    model.usedBits(this.#arena.words, configured, this.#usedThere);
    for (let i = 0; i < model.wordCount; i += 1) {
      const used = (this.#usedHere[i] as number) | (this.#usedThere[i] as number);
      if ((((words[base + i] as number) ^ configurations.get(version, i)) & used) !== 0) {
        return false;
      }
    }
    return true;
  }

  #contents(tracked: TrackedEntry): readonly number[] {
    const words: number[] = [];
    for (let i = 0; i < tracked.model.wordCount; i += 1) {
      words.push(this.#memory.read(tracked.address + i * 4) >>> 0);
    }
    return words;
  }

  #beforeStore(tracked: TrackedEntry, address: number, wordCount: number): void {
    if (this.#changed.active && touches(tracked, address, wordCount)) {
      this.#before = this.#contents(tracked);
    }
  }

  #afterStore(tracked: TrackedEntry, address: number, wordCount: number): void {
    if (!this.#changed.active || !touches(tracked, address, wordCount)) {
      return;
    }
    const before = this.#before;
    const words = this.#contents(tracked);
    const { structure } = tracked.model;
    const versionBefore = this.match(tracked.id, before, 0);
    const version = this.match(tracked.id, words, 0);
    this.#changed.emit({ kind: 'entry-changed', structure, entry: tracked.id, versionBefore, version, before, words });
  }
}

function touches(tracked: TrackedEntry, address: number, wordCount: number): boolean {
  const end = tracked.address + tracked.model.wordCount * 4;
  return address < end && address + wordCount * 4 > tracked.address;
}
