import { Checkpoint, type Flow, Note, type StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import type { Iommu, RequestWalker } from '../iommu/iommu.ts';
import { WalkStep } from '../iommu/walk-step.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';
import type { AtsEndpoint } from './ats-endpoint.ts';
import { type AtsRequest, outcome } from './ats-request.ts';

/** What the function does next with a request. */
const next = { translated: 0, ask: 1, untranslated: 2, end: 3 } as const;

export interface AtsSourcePorts {
  readonly endpoint: AtsEndpoint;
  readonly request: AtsRequest;
  readonly walker: RequestWalker;
  readonly trace: SystemTrace;
  readonly timing: Iommu['timing'];
}

/**
 * A source of requests of a function with ATS: device TLB first, a translation request where that has nothing, then DMA
 * by the translation (PCIe ATS 10.2).
 */
export class AtsSource {
  readonly #ports: AtsSourcePorts;
  readonly #discarded: Channel<Extract<TraceEvent, { kind: 'translation-discarded' }>>;
  readonly #lookUp: WalkStep;
  readonly #takeAnswer: WalkStep;
  readonly #done: Note;

  constructor(ports: AtsSourcePorts) {
    this.#ports = ports;
    const { endpoint, request, trace, timing } = ports;
    this.#discarded = trace.channel('translation-discarded');
    this.#lookUp = new WalkStep('the device TLB', timing.request, () => this.#findInDeviceTlb());
    this.#takeAnswer = new WalkStep('the answer to a translation request', timing.link, (step) => this.#take(step));
    this.#done = new Note('DMA done', () => endpoint.dmaDone(request));
  }

  /** `repeat` requests, one after the other; `first` are done already. */
  *requests(repeat: number, first = 0): Flow {
    for (let i = first; i < repeat; i += 1) {
      // What earlier requests met is in caches and memory, or forgotten.
      yield new Checkpoint(i, () => this.requests(repeat, i));
      yield this.#oneRequest();
    }
  }

  *#oneRequest(): Flow {
    const { request, walker } = this.#ports;
    let todo = (yield this.#lookUp) as number;
    while (todo === next.ask) {
      yield walker.translationRequest(request.request, (completion) => request.answer(completion));
      todo = (yield this.#takeAnswer) as number;
    }
    if (todo === next.translated) {
      yield walker.translatedDma(request.request, request);
      yield this.#done;
    } else if (todo === next.untranslated) {
      yield walker.dma(request.request);
    }
  }

  #findInDeviceTlb(): number {
    const { endpoint, request } = this.#ports;
    if (!endpoint.isEnabled) {
      return next.untranslated;
    }
    const row = endpoint.deviceTlb.find(request.request);
    if (row === -1) {
      request.ask();
      return next.ask;
    }
    request.use(endpoint.deviceTlb.translation(row));
    return next.translated;
  }

  /** The answer has come over the link. */
  #take(step: StepContext): number {
    const { endpoint, request } = this.#ports;
    if (request.outcome === outcome.unsupported && endpoint.isEnabled) {
      request.clear();
      endpoint.disable();
      return next.end;
    }
    if (request.isStale) {
      return this.#discard();
    }
    if (request.outcome !== outcome.translated) {
      request.clear();
      return next.end;
    }
    endpoint.deviceTlb.fill(step, request.request, request);
    request.use();
    return next.translated;
  }

  /** An invalidation has overtaken the answer: it may be of the old tables, so the function asks again. */
  #discard(): number {
    const { endpoint, request } = this.#ports;
    if (this.#discarded.active) {
      const { sid, pasid, iova } = request.request;
      this.#discarded.emit({ kind: 'translation-discarded', sid, pasid, iova });
    }
    request.clear();
    if (!endpoint.isEnabled) {
      return next.untranslated;
    }
    request.ask();
    return next.ask;
  }
}
