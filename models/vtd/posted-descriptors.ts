import type { Arena } from '../../sim/arena.ts';
import { Table } from '../../sim/containers.ts';
import { type PostResult, postInterrupt } from './entries/posted-interrupt-descriptor.ts';

const descriptorWords = 16;

export interface PostedDescriptor {
  /** Physical byte address, a multiple of 64; anywhere, also far above the RAM of the machine. */
  readonly address: number;
  /** What it holds when a run begins. */
  readonly words: ArrayLike<number>;
}

/**
 * The memory that posted-interrupt descriptors are in. It is apart from RAM, as only hardware uses it here, and as an
 * address has to be able to have bits above bit 31.
 */
export class PostedDescriptors {
  readonly #addresses: readonly number[];
  readonly #table: Table;
  readonly #scratch = new Uint32Array(descriptorWords);

  constructor(arena: Arena, descriptors: readonly PostedDescriptor[]) {
    this.#addresses = descriptors.map(({ address }) => address);
    this.#table = new Table(arena, 'posted-descriptors', descriptors.length, descriptorWords);
    for (const [row, { words }] of descriptors.entries()) {
      for (let i = 0; i < descriptorWords; i += 1) {
        this.#table.set(row, i, words[i] as number);
      }
    }
  }

  /** The words at an address; undefined where no memory is. */
  at(address: number): readonly number[] | undefined {
    const row = this.#addresses.indexOf(address);
    return row === -1 ? undefined : Array.from({ length: descriptorWords }, (_, i) => this.#table.get(row, i) >>> 0);
  }

  /** One atomic read-modify-write of 512 bits for an interrupt; `absent` where no memory is. */
  post(address: number, interrupt: { readonly vector: number; readonly urgent: boolean }): PostResult | 'absent' {
    const row = this.#addresses.indexOf(address);
    if (row === -1) {
      return 'absent';
    }
    for (let i = 0; i < descriptorWords; i += 1) {
      this.#scratch[i] = this.#table.get(row, i);
    }
    const result = postInterrupt(this.#scratch, interrupt);
    for (let i = 0; i < descriptorWords; i += 1) {
      this.#table.set(row, i, this.#scratch[i] as number);
    }
    return result;
  }
}
