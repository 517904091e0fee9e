import type { Flow } from '../../sim/operation.ts';
import type { DmaRequest } from './dma-request.ts';
import type { HeldTranslation, TranslationCompletion } from './translation-completion.ts';
import type { Window } from './window.ts';

/** What translates the requests of one source, one at a time. */
export interface RequestWalker {
  /** One DMA, from the request to the access of memory or to the fault. */
  dma(request: DmaRequest): Flow;
  /** A translation request (PCIe ATS); `complete` is told the answer in the step in which it is known. */
  translationRequest(request: DmaRequest, complete: (completion: TranslationCompletion) => void): Flow;
  /** DMA by a translation that the function holds. */
  translatedDma(request: DmaRequest, held: HeldTranslation): Flow;
}

/** What the machine knows of an IOMMU: it takes requests and register accesses, and has engines of its own. */
export interface Iommu {
  /** Times of what devices do on the way to it. */
  readonly timing: { readonly request: Window; readonly link: Window };
  /** Names of its engines, once they are added. */
  readonly engineNames: readonly string[];
  /** A walker for one source of requests. */
  addWalker(name: string): RequestWalker;
  /** Its engines; after every source of requests. */
  addEngines(): void;
  /** An answer to an ATS invalidation request has come: `count` messages so far. */
  completeDeviceTlb(sid: number, itag: number, count: number): void;
  /** The words of a register at a byte offset, lowest first. */
  readRegister(offset: number, wordCount: number): readonly number[];
  /** The same for guards of steps, which no one sees. */
  peekRegister(offset: number, wordCount: number): readonly number[];
  writeRegister(offset: number, words: readonly number[]): void;
}
