import { Checkpoint, type Flow } from '../../sim/operation.ts';
import type { DmaRequest } from '../iommu/dma-request.ts';
import type { RequestWalker } from '../iommu/iommu.ts';

export interface DmaSourceConfig extends DmaRequest {
  /** How many requests, one after the other. */
  readonly repeat: number;
}

/** A function that issues untranslated requests and waits for each before the next; `first` are done already. */
export function* dmaSource(walker: RequestWalker, config: DmaSourceConfig, first = 0): Flow {
  const { repeat, ...request } = config;
  for (let i = first; i < repeat; i += 1) {
    // What earlier requests met is in caches and memory, or forgotten.
    yield new Checkpoint(i, () => dmaSource(walker, config, i));
    yield walker.dma(request);
  }
}
