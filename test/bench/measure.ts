/** One of several things that do the same work, or work that is compared by rate. */
export interface Contender {
  readonly name: string;
  /** Does some work and says how many units it did. */
  work(): number;
}

export interface Rate {
  readonly name: string;
  /** Median of the rounds. */
  readonly perSecond: number;
  /** Least and most of the rounds. */
  readonly least: number;
  readonly most: number;
}

/**
 * Rates of contenders that take turns: whatever the machine does meanwhile, it does to all of them. Each round begins
 * with another one; the first round warms the code up and is not counted.
 */
export function race(contenders: readonly Contender[], rounds: number): readonly Rate[] {
  const samples = contenders.map((): number[] => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const index = (round + turn) % contenders.length;
      const sample = rateOf(contenders[index] as Contender);
      if (round > 0) {
        (samples[index] as number[]).push(sample);
      }
    }
  }
  return contenders.map(({ name }, i) => {
    const sorted = (samples[i] as number[]).sort((a, b) => a - b);
    return { name, perSecond: median(sorted), least: sorted[0] ?? 0, most: sorted.at(-1) ?? 0 };
  });
}

/** Of a sorted list; 0 if it is empty. */
export function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? 0;
  return Number.isInteger(middle) ? (upper + (sorted[middle - 1] ?? upper)) / 2 : upper;
}

function rateOf(contender: Contender): number {
  const start = process.hrtime.bigint();
  const units = contender.work();
  const ns = Number(process.hrtime.bigint() - start);
  return (units / ns) * 1e9;
}
