import { vtdEntryModels } from '../../models/vtd/entry-models.ts';
import type { WorldParts } from './vtd-world.ts';

/** Interrupt remapping: posted-interrupt descriptors, words of table entries by index, sources by name. */
export interface InterruptSketch {
  readonly descriptors?: readonly { readonly address: number; readonly words: ArrayLike<number> }[];
  readonly entries?: Readonly<Record<number, ArrayLike<number>>>;
  readonly sources: Readonly<
    Record<string, { readonly sid?: number; readonly index: number; readonly repeat?: number }>
  >;
}

/** The interrupt remapping table, its entries that there are, and an entry for each source. */
export function buildInterrupts({ system, vtd, write }: WorldParts, sketch: InterruptSketch | undefined): void {
  if (sketch === undefined) {
    return;
  }
  system.remapInterrupts((sketch.descriptors ?? []).map((one, i) => ({ name: `descriptor-${i}`, ...one })));
  const { entries = {}, sources } = sketch;
  for (const [index, words] of Object.entries(entries)) {
    write(vtd.interrupts.entryAddress(Number(index)), words);
  }
  const indices = [...Object.keys(entries).map(Number), ...Object.values(sources).map(({ index }) => index)];
  for (const index of new Set(indices.filter((each) => each < 256))) {
    system.registry.track(
      vtd.interrupts.entryAddress(index),
      `irte[${index}]`,
      vtdEntryModels['interrupt-remapping-entry'],
    );
  }
}
