import type { Problem } from './problem.ts';
import type { World } from './schema.ts';

const pageBytes = 4096;

/** What is wrong with the IOVAs that a domain maps; its tables take addresses of so many bits. */
export function checkMap(
  domain: string,
  { stage, map }: Pick<World['domains'][string], 'stage' | 'map'>,
  bits: number,
): readonly Problem[] {
  const seen = new Map<number, string>();
  return Object.keys(map).flatMap((text): readonly Problem[] => {
    const at = { path: ['domains', domain, 'map', text], part: 'key' } as const;
    // Exact also for numbers that a number cannot hold.
    const iova = BigInt(text);
    if (iova % BigInt(pageBytes) !== 0n) {
      const hint = `the page begins at 0x${(iova - (iova % BigInt(pageBytes))).toString(16)}`;
      return [{ ...at, message: `the IOVA ${text} is not the beginning of a 4 KB page`, hint }];
    }
    if (iova >= 1n << BigInt(bits)) {
      return [{ ...at, message: `the IOVA ${text} is too great: tables of stage ${stage} map ${bits} bits` }];
    }
    const earlier = seen.get(Number(iova));
    seen.set(Number(iova), text);
    return earlier === undefined ? [] : [{ ...at, message: `${text} is the same IOVA as ${earlier}` }];
  });
}
