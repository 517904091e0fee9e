import { unmodelled } from '../../sim/assert.ts';
import { type Flow, Note } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import type { DmaRequest } from '../iommu/dma-request.ts';
import { RequestEnd } from '../iommu/request-end.ts';
import { walkPhase } from '../iommu/request-latch.ts';
import type { HeldTranslation, TranslationCompletion } from '../iommu/translation-completion.ts';
import { WalkStep } from '../iommu/walk-step.ts';
import type { TraceEvent } from '../trace-events.ts';
import { ContextLookup } from './context-lookup.ts';
import { faultReasons } from './fault-reasons.ts';
import { IotlbAccess, notTranslated } from './iotlb-access.ts';
import { deviceTlbFault } from './latched-translation.ts';
import { isInterruptRange, PageTranslation } from './page-translation.ts';
import { PasidLookup } from './pasid-lookup.ts';
import { TableReader, type WalkPorts } from './table-reader.ts';
import { completionStatus } from './translation-completion.ts';
import type { WalkState } from './walk-state.ts';

/**
 * Translates the requests of one source, one at a time, in the order of VT-d 3.4.3 and 6.2: caches first, then
 * tables, each read in the grain the specification allows, each read an event of its own.
 */
export class Walker {
  readonly #ports: WalkPorts;
  readonly #state: WalkState;
  readonly #reader: TableReader;
  readonly #contextLookup: ContextLookup;
  readonly #pasidLookup: PasidLookup;
  readonly #iotlb: IotlbAccess;
  readonly #pages: PageTranslation;
  readonly #end: RequestEnd;
  readonly #requests: Channel<Extract<TraceEvent, { kind: 'request' }>>;
  readonly #translations: Channel<Extract<TraceEvent, { kind: 'translation-request' }>>;
  readonly #answers: Channel<Extract<TraceEvent, { kind: 'translation-completion' }>>;
  readonly #translated: Channel<Extract<TraceEvent, { kind: 'translated-request' }>>;
  readonly #prefetches: Channel<Extract<TraceEvent, { kind: 'prefetch' }>>;
  readonly #begin: WalkStep;
  readonly #beginPrefetch: Note;
  readonly #endPrefetch: Note;
  readonly #beginTranslation: Note;
  readonly #vetTranslation: Note<number>;
  readonly #answer: Note;
  readonly #beginTranslated: Note;
  readonly #vetTranslated: Note<number>;
  /** Who is told the answer to a translation request; set before it is given. */
  #complete: (completion: TranslationCompletion) => void = () => {};

  constructor(ports: WalkPorts, state: WalkState) {
    this.#ports = ports;
    this.#state = state;
    this.#reader = new TableReader(ports, state);
    this.#contextLookup = new ContextLookup(this.#reader);
    this.#pasidLookup = new PasidLookup(this.#reader);
    this.#iotlb = new IotlbAccess(this.#reader, this.#pasidLookup);
    this.#pages = new PageTranslation(this.#reader);
    const { trace, memory, config, faultRecords } = ports;
    this.#end = new RequestEnd({
      trace,
      memory,
      latch: state,
      timing: config.timing,
      request: () => this.#reader.request,
      // Software can switch the report of qualified faults off in any structure on the way (VT-d 7.1.1).
      isWanted: (reason) => state.faultsDisabled.get() === 0 || faultReasons.get(reason)?.qualified !== true,
      record: (reason) => faultRecords.record(this.#reader.request.sid, reason),
    });
    this.#requests = ports.trace.channel('request');
    this.#translations = ports.trace.channel('translation-request');
    this.#answers = ports.trace.channel('translation-completion');
    this.#translated = ports.trace.channel('translated-request');
    this.#prefetches = ports.trace.channel('prefetch');
    this.#beginPrefetch = new Note('a prefetch', () => this.#noteBeginOfPrefetch());
    this.#endPrefetch = new Note('the end of a prefetch', () => state.clear());
    this.#begin = new WalkStep('a request', ports.config.timing.request, () => this.#beginRequest());
    this.#beginTranslation = new Note('a translation request', () => this.#beginTranslationRequest());
    this.#vetTranslation = new Note('whether translations may be asked for', () => this.#vet());
    this.#answer = new Note('a translation completion', () => this.#answerTranslation());
    this.#beginTranslated = new Note('a translated request', () => this.#beginTranslatedRequest());
    this.#vetTranslated = new Note('whether translated requests may pass', () => this.#vetTranslatedRequest());
  }

  /** One DMA, from the request to the access of memory or to the fault. */
  *dma(request: DmaRequest): Flow {
    this.#reader.request = request;
    let output = (yield this.#begin) as number;
    if (output === notTranslated) {
      const context = (yield this.#contextLookup.find()) as number;
      output = context < 0 ? context : ((yield this.#translate(request)) as number);
    }
    this.#end.output = output;
    yield output < 0 ? this.#end.fault : this.#end.access;
  }

  /**
   * A walk that nobody has asked for: it fills the caches as DMA would, moves nothing, and faults silently (VT-d 6.2.5,
   * 6.5.3.6).
   */
  *prefetch(request: DmaRequest): Flow {
    this.#reader.request = request;
    yield this.#beginPrefetch;
    if (((yield this.#contextLookup.find()) as number) >= 0) {
      yield this.#translate(request);
    }
    yield this.#endPrefetch;
  }

  /**
   * A translation request (PCIe ATS), walked as DMA is. `complete` is told the answer in the step in which it is known;
   * from there it is on its way to the function.
   */
  *translationRequest(request: DmaRequest, complete: (completion: TranslationCompletion) => void): Flow {
    this.#reader.request = request;
    yield this.#beginTranslation;
    const { iotlbFirst } = this.#ports.config;
    let output = iotlbFirst ? ((yield this.#iotlb.lookUpForDeviceTlb) as number) : notTranslated;
    if (output === notTranslated) {
      output = (yield this.#contextLookup.find(!iotlbFirst)) as number;
      if (output >= 0) {
        output = (yield this.#vetTranslation) as number;
      }
      if (output >= 0) {
        output = (yield this.#translate(request)) as number;
      }
    }
    this.#end.output = output;
    this.#complete = complete;
    yield this.#answer;
  }

  /** DMA by a translation that the function holds: past all tables but the context entry (VT-d 4.2.5). */
  *translatedDma(request: DmaRequest, held: HeldTranslation): Flow {
    this.#reader.request = request;
    this.#end.held = held;
    yield this.#beginTranslated;
    let output = (yield this.#contextLookup.find(true)) as number;
    this.#end.held = held;
    if (output >= 0) {
      output = (yield this.#vetTranslated) as number;
    }
    this.#end.output = output;
    yield output < 0 ? this.#end.fault : this.#end.translatedAccess;
  }

  /** From the context entry in the latch on: output address, or a negative fault reason. */
  *#translate(request: DmaRequest): Flow<number> {
    if (this.#reader.isScalable) {
      const pasid = (yield this.#pasidLookup.find()) as number;
      if (pasid < 0) {
        return pasid;
      }
    }
    if (!this.#ports.config.iotlbFirst) {
      const found = (yield this.#iotlb.lookUp) as number;
      if (found !== notTranslated) {
        return found;
      }
    }
    const output = (yield this.#pages.translate(request)) as number;
    if (output >= 0) {
      this.#iotlb.output = output;
      yield this.#iotlb.fill;
    }
    return output;
  }

  #beginRequest(): number {
    const { sid, pasid, iova, write } = this.#reader.request;
    if (this.#requests.active) {
      this.#requests.emit({ kind: 'request', sid, pasid, iova, write });
    }
    if (isInterruptRange(iova)) {
      unmodelled('a request to the interrupt range FEEx_xxxxh');
    }
    if (!this.#reader.isScalable && pasid >= 0) {
      return -0x31;
    }
    this.#state.page = Math.floor(iova / 4096);
    this.#state.moveTo(walkPhase.context);
    return this.#ports.config.iotlbFirst ? this.#iotlb.find() : notTranslated;
  }

  #noteBeginOfPrefetch(): void {
    const { sid, pasid, iova } = this.#reader.request;
    if (this.#prefetches.active) {
      this.#prefetches.emit({ kind: 'prefetch', sid, pasid, iova });
    }
    this.#state.page = Math.floor(iova / 4096);
    this.#state.moveTo(walkPhase.context);
  }

  #beginTranslationRequest(): void {
    const { sid, pasid, iova, write } = this.#reader.request;
    if (this.#translations.active) {
      this.#translations.emit({ kind: 'translation-request', sid, pasid, iova, write });
    }
    if (isInterruptRange(iova)) {
      unmodelled('a request to the interrupt range FEEx_xxxxh');
    }
    this.#state.page = Math.floor(iova / 4096);
  }

  #beginTranslatedRequest(): void {
    const { sid, pasid, iova, write } = this.#reader.request;
    const address = this.#end.held.address + (iova % 4096);
    if (this.#translated.active) {
      this.#translated.emit({ kind: 'translated-request', sid, pasid, iova, address, write });
    }
    this.#state.page = Math.floor(iova / 4096);
    this.#state.leaveDomains();
  }

  /** 0, or what the request is refused with. */
  #vet(): number {
    const hasNoPasids = !this.#reader.isScalable && this.#reader.request.pasid >= 0;
    return hasNoPasids ? -0x31 : -deviceTlbFault(this.#reader);
  }

  #vetTranslatedRequest(): number {
    const refused = this.#vet();
    if (refused < 0) {
      return refused;
    }
    // No invalidation here waits for it any more: the function itself does, before it answers (VT-d 6.5.4).
    this.#state.moveTo(walkPhase.idle);
    return this.#end.held.address + (this.#reader.request.iova % 4096);
  }

  #answerTranslation(): void {
    const { sid, pasid, iova, write } = this.#reader.request;
    const { output } = this.#end;
    const status = output < 0 ? completionStatus(-output) : 'success';
    const address = output < 0 ? 0 : output - (iova % 4096);
    const [readable, writable] = [output >= 0 && !write, output >= 0 && write];
    if (output < 0) {
      // "Success" without permission is no fault to software: the function can ask for the page (VT-d 7.1.3).
      this.#end.noteFault(status !== 'success');
    }
    if (this.#answers.active) {
      this.#answers.emit({ kind: 'translation-completion', sid, pasid, iova, status, readable, writable, address });
    }
    this.#complete({ status, readable, writable, address, provenance: (slot) => this.#state.provenance(slot) });
    this.#state.clear();
  }
}
