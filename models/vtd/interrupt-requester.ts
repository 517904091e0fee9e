import type { Arena } from '../../sim/arena.ts';
import type { Flow, StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import { getField } from '../entry-layout.ts';
import type { EntryRegistry } from '../entry-registry.ts';
import { hit, miss, WalkStep } from '../iommu/walk-step.ts';
import { type PhysicalMemory, wordsOf } from '../memory/physical-memory.ts';
import { provenanceOf, type SystemTrace, type TraceEvent } from '../trace-events.ts';
import {
  checkInterruptEntry,
  isPosted,
  postedDescriptorAddress,
  postedInterruptEntry,
  remappedInterruptEntry,
  verifiesSource,
} from './entries/interrupt-remapping-entry.ts';
import { postedInterruptDescriptor } from './entries/posted-interrupt-descriptor.ts';
import { faultReasons } from './fault-reasons.ts';
import type { FaultRecords } from './fault-records.ts';
import { type InterruptEntryCache, interruptEntryWords } from './interrupt-entry-cache.ts';
import type { InterruptState } from './interrupt-state.ts';
import type { PostedDescriptors } from './posted-descriptors.ts';
import type { VtdConfig } from './vtd-config.ts';

/** IRTA.S = 7: the interrupt remapping table has 2^8 entries, one page. */
export const interruptTableEntries = 256;
const interruptEntryBytes = 16;

export interface RemapperPorts {
  readonly arena: Arena;
  readonly memory: PhysicalMemory;
  readonly registry: EntryRegistry;
  readonly trace: SystemTrace;
  readonly config: VtdConfig;
  readonly faultRecords: FaultRecords;
  /** IRTA: physical address of the interrupt remapping table. */
  readonly table: number;
  /** Told when an interrupt of a source is where it was to go: invalidations may wait for that. */
  readonly delivered: (source: number) => void;
}

/** What the requesters of a unit share. */
interface Remapper {
  readonly ports: RemapperPorts;
  readonly cache: InterruptEntryCache;
  readonly descriptors: PostedDescriptors;
}

/** An interrupt request in remappable format. */
export interface InterruptRequest {
  readonly sid: number;
  /** Handle, with the subhandle added if there is one. */
  readonly index: number;
}

type Of<Kind extends TraceEvent['kind']> = Extract<TraceEvent, { kind: Kind }>;

const indexBeyondTable = 0x21;
const sourceNotVerified = 0x26;
const descriptorAbsent = 0x27;
const descriptorReserved = 0x28;
/** What the delivery of an interrupt answers when a notification has to follow. */
const notifies = 1;

/** Remaps the interrupts of one source, one at a time: cache, else table, then delivery (VT-d 5.1.4, 5.2.3). */
export class InterruptRequester {
  readonly #remapper: Remapper;
  readonly #state: InterruptState;
  readonly #reads: Channel<Of<'entry-read'>>;
  readonly #used: Channel<Of<'entry-used'>>;
  readonly #requests: Channel<Of<'interrupt-request'>>;
  readonly #interrupts: Channel<Of<'interrupt'>>;
  readonly #posted: Channel<Of<'interrupt-posted'>>;
  readonly #blocked: Channel<Of<'interrupt-blocked'>>;
  readonly #begin: WalkStep;
  readonly #lookUp: WalkStep;
  readonly #read: WalkStep;
  readonly #deliver: WalkStep;
  readonly #notify: WalkStep;
  readonly #fault: WalkStep;
  /** Request, and fault reason or descriptor for the steps above; set before they are yielded. */
  #request: InterruptRequest = { sid: 0, index: 0 };
  #reason = 0;

  constructor(remapper: Remapper, state: InterruptState) {
    this.#remapper = remapper;
    this.#state = state;
    const { trace, config } = remapper.ports;
    this.#reads = trace.channel('entry-read');
    this.#used = trace.channel('entry-used');
    this.#requests = trace.channel('interrupt-request');
    this.#interrupts = trace.channel('interrupt');
    this.#posted = trace.channel('interrupt-posted');
    this.#blocked = trace.channel('interrupt-blocked');
    const { lookup, tableRead, request, access } = config.timing;
    this.#begin = new WalkStep('an interrupt', request, () => this.#beginRequest());
    this.#lookUp = new WalkStep('the interrupt entry cache', lookup, () => this.#findEntry());
    this.#read = new WalkStep('an IRTE', tableRead, (step) => this.#readEntry(step));
    this.#deliver = new WalkStep('the delivery of an interrupt', access, () => this.#deliverInterrupt());
    this.#notify = new WalkStep('a notification', access, () => this.#sendNotification());
    this.#fault = new WalkStep('the fault report', lookup, () => this.#reportFault());
  }

  /** One interrupt, from the request to its delivery or to the fault. */
  *interrupt(request: InterruptRequest): Flow {
    this.#request = request;
    let answer = (yield this.#begin) as number;
    if (answer >= 0) {
      answer = (yield this.#lookUp) as number;
    }
    if (answer === miss) {
      answer = (yield this.#read) as number;
    }
    if (answer >= 0) {
      answer = (yield this.#deliver) as number;
    }
    if (answer < 0) {
      this.#reason = -answer;
      yield this.#fault;
    } else if (answer === notifies) {
      yield this.#notify;
    }
  }

  #beginRequest(): number {
    if (this.#requests.active) {
      this.#requests.emit({ kind: 'interrupt-request', ...this.#request });
    }
    return this.#request.index < interruptTableEntries ? 0 : -indexBeyondTable;
  }

  #findEntry(): number {
    const { cache } = this.#remapper;
    const { sid, index } = this.#request;
    const row = cache.find(index);
    if (row === -1) {
      return miss;
    }
    cache.noteHit(row, sid);
    for (let i = 0; i < interruptEntryWords; i += 1) {
      this.#state.entry.set(i, cache.word(row, i));
    }
    this.#state.provenance.set(cache.provenance(row));
    return this.#verified() ? this.#sendOff() : -sourceNotVerified;
  }

  /** Reads the entry, all 128 bits at once, uses it, and keeps it unless it faults (VT-d 6.2.7, CM = 0). */
  #readEntry(step: StepContext): number {
    const { memory, arena, registry, table } = this.#remapper.ports;
    const { sid, index } = this.#request;
    const { entry } = this.#state;
    const address = table + index * interruptEntryBytes;
    const from = memory.walkIndex(address);
    for (let i = 0; i < interruptEntryWords; i += 1) {
      entry.set(i, arena.get(from + i));
    }
    const { words } = arena;
    const id = registry.entryAt(address);
    const structure = 'interrupt-remapping-entry';
    if (this.#reads.active) {
      const read = wordsOf(words, entry.base, interruptEntryWords);
      this.#reads.emit({ kind: 'entry-read', structure, entry: id, address, quantum: 0, words: read });
    }
    const bad = checkInterruptEntry(words, entry.base);
    const reason = bad === 0 && !this.#verified() ? sourceNotVerified : bad;
    const version = registry.match(id, words, entry.base);
    this.#state.provenance.set(id === -1 ? 0 : provenanceOf(id, version));
    if (this.#used.active) {
      const present = getField(remappedInterruptEntry.fields.present, words, entry.base) === 1;
      const used = wordsOf(words, entry.base, interruptEntryWords);
      this.#used.emit({ kind: 'entry-used', structure, entry: id, address, present, version, reason, words: used });
    }
    if (reason !== 0) {
      return -reason;
    }
    const provenance = this.#state.provenance.get();
    this.#remapper.cache.fill(step, { sid, index }, { words, base: entry.base, provenance });
    return this.#sendOff();
  }

  #verified(): boolean {
    return verifiesSource(this.#words, this.#base, this.#request.sid);
  }

  #sendOff(): number {
    this.#state.sendOff(this.#request.index);
    return hit;
  }

  #deliverInterrupt(): number {
    return isPosted(this.#words, this.#base) ? this.#post() : this.#deliverRemapped();
  }

  #deliverRemapped(): number {
    if (this.#interrupts.active) {
      const { vector, destination } = remappedInterruptEntry.fields;
      this.#interrupts.emit({
        kind: 'interrupt',
        ...this.#request,
        vector: getField(vector, this.#words, this.#base),
        destination: getField(destination, this.#words, this.#base),
        provenance: this.#provenance,
      });
    }
    return this.#done();
  }

  #post(): number {
    const { fields } = postedInterruptEntry;
    const descriptor = postedDescriptorAddress(this.#words, this.#base);
    const vector = getField(fields.vector, this.#words, this.#base);
    const urgent = getField(fields.urgent, this.#words, this.#base) === 1;
    const result = this.#remapper.descriptors.post(descriptor, { vector, urgent });
    if (result === 'absent' || result === 'blocked') {
      return -(result === 'absent' ? descriptorAbsent : descriptorReserved);
    }
    if (this.#posted.active) {
      this.#posted.emit({
        kind: 'interrupt-posted',
        ...this.#request,
        descriptor,
        vector,
        notifies: result === 'notified',
        provenance: this.#provenance,
      });
    }
    return result === 'notified' ? notifies : this.#done();
  }

  /** The descriptor's change is visible before the notification that it asks for (VT-d 5.2.3). */
  #sendNotification(): number {
    const words = this.#remapper.descriptors.at(postedDescriptorAddress(this.#words, this.#base)) ?? [];
    if (this.#interrupts.active) {
      const { notificationVector, notificationDestination } = postedInterruptDescriptor.fields;
      this.#interrupts.emit({
        kind: 'interrupt',
        ...this.#request,
        vector: getField(notificationVector, words, 0),
        destination: getField(notificationDestination, words, 0),
        provenance: [],
      });
    }
    return this.#done();
  }

  #reportFault(): number {
    const { faultRecords } = this.#remapper.ports;
    const reason = this.#reason;
    const { sid } = this.#request;
    // FPD of the IRTE, whatever its P (VT-d 9.9); a fault before the IRTE finds none in the latches.
    const isSilent = getField(remappedInterruptEntry.fields.faultProcessingDisable, this.#words, this.#base) === 1;
    const recorded = !isSilent || faultReasons.get(reason)?.qualified !== true;
    if (this.#blocked.active) {
      const provenance = this.#provenance;
      this.#blocked.emit({ kind: 'interrupt-blocked', ...this.#request, reason, recorded, provenance });
    }
    if (recorded) {
      faultRecords.record(sid, reason);
    }
    return this.#done();
  }

  #done(): number {
    this.#state.clear();
    this.#remapper.ports.delivered(this.#state.source);
    return 0;
  }

  get #words(): ArrayLike<number> {
    return this.#remapper.ports.arena.words;
  }

  get #base(): number {
    return this.#state.entry.base;
  }

  get #provenance(): readonly number[] {
    const provenance = this.#state.provenance.get();
    return provenance === 0 ? [] : [provenance];
  }
}
