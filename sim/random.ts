import seedrandom from 'seedrandom';

/** Name and version of the generator, for stamps: seeds mean something only together with it. */
export const generatorName = 'alea-keyed-sfc32/1';

/** A 64-bit seed as two 32-bit words. */
export interface Seed {
  readonly low: number;
  readonly high: number;
}

/** Keys by name: a portfolio has the same streams several times, and each case of a campaign has its own. */
const keys = new Map<string, Int32Array>();

function keyOf(name: string): Int32Array {
  let key = keys.get(name);
  if (key === undefined) {
    const source = seedrandom.alea(`tornread/1/${name}`);
    key = Int32Array.from({ length: 3 }, () => source.int32());
    keys.set(name, key);
  }
  return key;
}

/**
 * One named stream of chance. The name's key comes from seedrandom once per process; each run re-seeds four words from
 * (key, seed), because constructing a seedrandom generator a run would cost as much as the run itself.
 */
export class RandomStream {
  readonly #key: Int32Array;
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 0;

  constructor(name: string) {
    this.#key = keyOf(name);
  }

  reseed(seed: Seed): void {
    this.#a = (this.#key[0] as number) ^ seed.low;
    this.#b = (this.#key[1] as number) ^ seed.high;
    this.#c = this.#key[2] as number;
    this.#counter = 1;
    // Neighbouring seeds differ in one bit: twelve rounds spread it over the whole state (as sfc32's author advises).
    for (let i = 0; i < 12; i += 1) {
      this.next();
    }
  }

  /** 32 random bits (sfc32, Doty-Humphrey 2010). */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum;
  }

  /** A whole number from 0 to `count - 1`, every one equally likely up to 2^-32 * count. */
  below(count: number): number {
    if (count <= 0x1_0000) {
      // 32 bits scaled down in integers: exact, and the same on every machine.
      const bits = this.next() >>> 0;
      return ((bits >>> 16) * count + (((bits & 0xffff) * count) >>> 16)) >>> 16;
    }
    const bits = (this.next() >>> 0) * 0x20_0000 + (this.next() >>> 11);
    return Math.floor((bits / 0x20_0000_0000_0000) * count);
  }
}

/** The streams of one campaign, made when first asked for and re-seeded when first used in a run. */
export class RandomStreams {
  readonly #streams = new Map<string, { stream: RandomStream; run: number }>();
  #seed: Seed = { low: 0, high: 0 };
  #run = 0;

  reseed(seed: Seed): void {
    this.#seed = seed;
    this.#run += 1;
  }

  stream(name: string): RandomStream {
    let entry = this.#streams.get(name);
    if (entry === undefined) {
      entry = { stream: new RandomStream(name), run: 0 };
      this.#streams.set(name, entry);
    }
    if (entry.run !== this.#run) {
      entry.run = this.#run;
      entry.stream.reseed(this.#seed);
    }
    return entry.stream;
  }
}
