import { unmodelled } from '../../sim/assert.ts';
import { type Flow, Note } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import { getField } from '../entry-layout.ts';
import type { DmaRequest } from '../iommu/dma-request.ts';
import { right } from '../iommu/page-walk.ts';
import { RequestEnd } from '../iommu/request-end.ts';
import { walkPhase } from '../iommu/request-latch.ts';
import type { HeldTranslation, TranslationCompletion } from '../iommu/translation-completion.ts';
import { hit, WalkStep } from '../iommu/walk-step.ts';
import type { TraceEvent } from '../trace-events.ts';
import { ContextReader, type RiscvWalkPorts } from './context-reader.ts';
import { DeviceLookup } from './device-lookup.ts';
import { ddtpMode } from './directory-pointer.ts';
import { deviceContext } from './entries/device-context.ts';
import { cause, faultCauses } from './fault-causes.ts';
import { ProcessLookup } from './process-lookup.ts';
import type { RequestState } from './request-state.ts';
import { Translation, type TranslationShape } from './translation.ts';

/** Neither an address nor a fault: the device context is in the latch, or has to be walked for. */
const known = -0xffff;
const unknown = -0xfffe;

type Kind = 'untranslated' | 'translation' | 'translated';

/** Translates the requests of one source, one at a time (RISC-V IOMMU, Process to translate an IOVA). */
export class RiscvWalker {
  readonly #reader: ContextReader;
  readonly #state: RequestState;
  readonly #devices: DeviceLookup;
  readonly #processes: ProcessLookup;
  readonly #translation: Translation;
  readonly #end: RequestEnd;
  readonly #requests: Channel<Extract<TraceEvent, { kind: 'request' }>>;
  readonly #translations: Channel<Extract<TraceEvent, { kind: 'translation-request' }>>;
  readonly #answers: Channel<Extract<TraceEvent, { kind: 'translation-completion' }>>;
  readonly #translated: Channel<Extract<TraceEvent, { kind: 'translated-request' }>>;
  readonly #begin: WalkStep;
  readonly #sendTranslation: Note;
  readonly #beginTranslation: WalkStep;
  readonly #sendTranslated: Note;
  readonly #beginTranslated: WalkStep;
  readonly #vet: Note<number>;
  readonly #vetTranslated: Note<number>;
  readonly #answer: Note;
  /** Who is told the answer to a translation request; set before it is given. */
  #complete: (completion: TranslationCompletion) => void = () => {};

  constructor(ports: RiscvWalkPorts, state: RequestState) {
    this.#state = state;
    this.#reader = new ContextReader(ports, state);
    this.#devices = new DeviceLookup(this.#reader);
    this.#processes = new ProcessLookup(this.#reader);
    this.#translation = new Translation(this.#reader);
    const { trace, memory, config } = ports;
    const { timing } = config;
    this.#end = new RequestEnd({
      trace,
      memory,
      latch: state,
      timing,
      request: () => this.#reader.request,
      isWanted: (reason) => this.#isWanted(reason),
      record: () => {},
    });
    this.#requests = trace.channel('request');
    this.#translations = trace.channel('translation-request');
    this.#answers = trace.channel('translation-completion');
    this.#translated = trace.channel('translated-request');
    this.#begin = new WalkStep('a request', timing.request, () => this.#beginRequest());
    this.#sendTranslation = new Note('a translation request', () => this.#noteTranslationRequest());
    this.#beginTranslation = new WalkStep('a translation request', timing.link, () => this.#arrive('translation'));
    this.#sendTranslated = new Note('a translated request', () => this.#noteTranslatedRequest());
    this.#beginTranslated = new WalkStep('a translated request', timing.link, () => this.#arrive('translated'));
    this.#vet = new Note('whether translations may be asked for', () => this.#refused());
    this.#vetTranslated = new Note('whether translated requests may pass', () => this.#vetTranslatedRequest());
    this.#answer = new Note('a translation completion', () => this.#answerTranslation());
  }

  /** One DMA, from the request to the access of memory or to the fault. */
  *dma(request: DmaRequest): Flow {
    this.#reader.request = request;
    let output = (yield this.#begin) as number;
    if (output === unknown) {
      output = (yield this.#devices.walk(request.sid)) as number;
      output = output < 0 ? output : known;
    }
    if (output === known) {
      output = (yield this.#translate(request)) as number;
    }
    this.#end.output = output;
    yield output < 0 ? this.#end.fault : this.#end.access;
  }

  /** A translation request (PCIe ATS); `complete` is told the answer in the step in which it is known. */
  *translationRequest(request: DmaRequest, complete: (completion: TranslationCompletion) => void): Flow {
    this.#reader.request = request;
    yield this.#sendTranslation;
    let output = (yield this.#beginTranslation) as number;
    if (output === unknown) {
      output = (yield this.#devices.walk(request.sid)) as number;
      output = output < 0 ? output : known;
    }
    if (output === known) {
      output = (yield this.#vet) as number;
    }
    if (output === 0) {
      output = (yield this.#translate(request)) as number;
    }
    this.#end.output = output;
    this.#complete = complete;
    yield this.#answer;
  }

  /**
   * DMA by a translation that the function holds: past all tables but the device context (RISC-V IOMMU, Process to
   * translate an IOVA).
   */
  *translatedDma(request: DmaRequest, held: HeldTranslation): Flow {
    this.#reader.request = request;
    this.#end.held = held;
    yield this.#sendTranslated;
    let output = (yield this.#beginTranslated) as number;
    if (output === unknown) {
      output = (yield this.#devices.walk(request.sid)) as number;
      output = output < 0 ? output : known;
    }
    this.#end.held = held;
    if (output === known) {
      output = (yield this.#vetTranslated) as number;
    }
    this.#end.output = output;
    yield output < 0 ? this.#end.fault : this.#end.translatedAccess;
  }

  /** From the device context in the latch on: output address, or a negative cause. */
  *#translate(request: DmaRequest): Flow<number> {
    const shape = (yield this.#translation.shape) as TranslationShape;
    const process = (yield this.#processes.find(this.#translation.throughSecond(shape))) as number;
    return process < 0 ? process : ((yield this.#translation.translate(request)) as number);
  }

  #beginRequest(): number {
    const { sid, pasid, iova, write } = this.#reader.request;
    if (this.#requests.active) {
      this.#requests.emit({ kind: 'request', sid, pasid, iova, write });
    }
    return this.#arrive('untranslated');
  }

  #noteTranslationRequest(): void {
    const { sid, pasid, iova, write } = this.#reader.request;
    if (this.#translations.active) {
      this.#translations.emit({ kind: 'translation-request', sid, pasid, iova, write });
    }
  }

  #noteTranslatedRequest(): void {
    const { sid, pasid, iova, write } = this.#reader.request;
    const address = this.#end.held.address + (iova % 4096);
    if (this.#translated.active) {
      this.#translated.emit({ kind: 'translated-request', sid, pasid, iova, address, write });
    }
  }

  /**
   * A request comes to the IOMMU: address and fault at once, or how it goes on (RISC-V IOMMU, Process to translate an
   * IOVA, steps 1 to 5).
   */
  #arrive(kind: Kind): number {
    const { ports, request } = this.#reader;
    const state = this.#state;
    const { ddtp, config } = ports;
    state.page = Math.floor(request.iova / 4096);
    state.isWrite.set(Number(request.write));
    state.deviceTag.set(request.sid + 1);
    state.moveTo(walkPhase.context);
    if (ddtp.mode === ddtpMode.off) {
      return -cause.allDisallowed;
    }
    if (ddtp.mode === ddtpMode.bare) {
      if (kind !== 'untranslated') {
        return -cause.typeDisallowed;
      }
      state.moveTo(walkPhase.access);
      return request.iova;
    }
    if (request.sid >= 2 ** ddtp.deviceIdBits) {
      return -cause.typeDisallowed;
    }
    return config.ddtCacheEntries > 0 && this.#devices.lookUp() === hit ? known : unknown;
  }

  /** 0, or what a request of ATS is refused with. */
  #refused(): number {
    const { words } = this.#reader;
    const { base } = this.#state.device;
    if (getField(deviceContext.fields.enableAts, words, base) === 0) {
      return -cause.typeDisallowed;
    }
    return getField(deviceContext.fields.translateToGpa, words, base) === 1 ? unmodelled('ATS with T2GPA = 1') : 0;
  }

  #vetTranslatedRequest(): number {
    const refused = this.#refused();
    if (refused < 0) {
      return refused;
    }
    this.#state.forgetContexts();
    this.#state.moveTo(walkPhase.access);
    return this.#end.held.address + (this.#reader.request.iova % 4096);
  }

  /**
   * DTF in the device context keeps back all but what is wrong with the directory itself (RISC-V IOMMU, Fault causes).
   */
  #isWanted(reason: number): boolean {
    const isOff = getField(deviceContext.fields.disableFaults, this.#reader.words, this.#state.device.base) === 1;
    return !isOff || faultCauses.get(reason)?.reportedWithDtf === true;
  }

  #answerTranslation(): void {
    const { sid, pasid, iova } = this.#reader.request;
    const { output } = this.#end;
    const rights = output < 0 ? 0 : this.#state.leafRights.get();
    const answer = output < 0 ? faultCauses.get(-output)?.translationAnswer : 'success';
    const status = answer === 'UR' || answer === 'CA' ? answer : 'success';
    const address = output < 0 ? 0 : output - (iova % 4096);
    const readable = (rights & right.read) !== 0;
    const writable = (rights & right.write) !== 0;
    if (output < 0) {
      // "Success" without permission is no fault to software: the function can ask for the page (RISC-V IOMMU, PCIe ATS
      // translation request handling).
      this.#end.noteFault(status !== 'success');
    }
    if (this.#answers.active) {
      this.#answers.emit({ kind: 'translation-completion', sid, pasid, iova, status, readable, writable, address });
    }
    const provenance = (slot: number): number => this.#state.provenance(slot);
    this.#complete({ status, readable, writable, address, provenance });
    this.#state.clear();
  }
}
