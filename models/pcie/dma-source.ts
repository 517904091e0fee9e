import type { Flow } from '../../sim/operation.ts';
import type { DmaRequest } from '../vtd/table-reader.ts';
import type { Walker } from '../vtd/walker.ts';

export interface DmaSourceConfig extends DmaRequest {
  /** How many requests, one after the other. */
  readonly repeat: number;
}

/** A function that issues untranslated requests and waits for each before the next. */
export function* dmaSource(walker: Walker, config: DmaSourceConfig): Flow {
  const { repeat, ...request } = config;
  for (let i = 0; i < repeat; i += 1) {
    yield walker.dma(request);
  }
}
