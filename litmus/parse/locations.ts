import { LitmusFault, type Position } from '../problem.ts';
import type { Location, Value } from '../program.ts';
import { integer } from './expressions.ts';

export type LocationWidth = Location['widthBits'];

interface Entry {
  readonly name: string;
  declaredBits: LocationWidth | undefined;
  /** Widest access seen to a location without a type. */
  accessedBits: LocationWidth;
  initial: Value | undefined;
}

const maxLocations = 64;

/** The places in memory that a test names; a name without a type is as wide as its widest access, 32 bits at least. */
export class Locations {
  private readonly entries: Entry[] = [];
  private readonly indices = new Map<string, number>();

  get names(): readonly string[] {
    return this.entries.map(({ name }) => name);
  }

  find(name: string): number | undefined {
    return this.indices.get(name);
  }

  /** The index of a name, which from now on is a location. */
  intern(name: string, at: Position): number {
    const known = this.indices.get(name);
    if (known !== undefined) return known;
    if (this.entries.length >= maxLocations) throw new LitmusFault(at, `more than ${maxLocations} locations`);
    this.indices.set(name, this.entries.length);
    this.entries.push({ name, declaredBits: undefined, accessedBits: 32, initial: undefined });
    return this.entries.length - 1;
  }

  /** Says what type a location has; a second, other one is a mistake. */
  declare(index: number, widthBits: LocationWidth, at: Position): void {
    const entry = this.entry(index);
    if (entry.declaredBits !== undefined && entry.declaredBits !== widthBits) {
      throw new LitmusFault(at, `"${entry.name}" has ${entry.declaredBits} bits elsewhere, and ${widthBits} here`);
    }
    entry.declaredBits = widthBits;
  }

  initialize(index: number, value: Value, at: Position): void {
    const entry = this.entry(index);
    if (entry.initial !== undefined) throw new LitmusFault(at, `a second initial value of "${entry.name}"`);
    entry.initial = value;
  }

  /** Notes an access; gives what the location has if that is too little. */
  access(index: number, bits: LocationWidth): LocationWidth | undefined {
    const entry = this.entry(index);
    if (entry.declaredBits !== undefined) return entry.declaredBits < bits ? entry.declaredBits : undefined;
    if (bits > entry.accessedBits) entry.accessedBits = bits;
    return undefined;
  }

  nameOf(index: number): string {
    return this.entry(index).name;
  }

  widthBits(index: number): LocationWidth {
    const { declaredBits, accessedBits, initial } = this.entry(index);
    return declaredBits ?? (initial?.kind === 'address' && accessedBits < 64 ? 64 : accessedBits);
  }

  finish(): readonly Location[] {
    return this.entries.map(({ name, initial }, index) => {
      const widthBits = this.widthBits(index);
      const value = initial ?? integer(0);
      return {
        name,
        widthBits,
        initial: value.kind === 'integer' && widthBits < 64 ? integer(BigInt.asUintN(widthBits, value.value)) : value,
      };
    });
  }

  private entry(index: number): Entry {
    const entry = this.entries[index];
    if (entry === undefined) throw new Error(`no location ${index}`);
    return entry;
  }
}
