// Conversions between 64-bit values, as flows and people use them, and the 32-bit words that all state is made of. One
// pair of typed arrays over the same bytes does it in a few ns; BigInt shifts would take a tenth of a short run.

const qword = new BigUint64Array(1);
const halves = new Uint32Array(qword.buffer);
/** Which half is the low one depends on the machine's byte order. */
const low = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;
const high = 1 - low;

/** The 64-bit value of two words. */
function toQword(lowWord: number, highWord: number): bigint {
  halves[low] = lowWord;
  halves[high] = highWord;
  return qword[0] as bigint;
}

/** The 32-bit words of a value of 32, 64 or 128 bits, lowest first. */
export function wordsOfValue(value: bigint, widthBits: 32 | 64 | 128): readonly number[] {
  qword[0] = value;
  const [lowWord, highWord] = [halves[low] as number, halves[high] as number];
  switch (widthBits) {
    case 32:
      return [lowWord];
    case 64:
      return [lowWord, highWord];
    case 128:
      return [lowWord, highWord, ...wordsOfValue(value >> 64n, 64)];
  }
}

/** The value of 1, 2 or 4 words, lowest first. */
export function valueOfWords(words: readonly number[]): bigint {
  const value = toQword(words[0] as number, words[1] ?? 0);
  return words.length <= 2 ? value : value | (toQword(words[2] as number, words[3] as number) << 64n);
}

/** The 64-bit values of an entry's words, lowest first. */
export function qwordsOf(words: ArrayLike<number>): readonly bigint[] {
  const qwords: bigint[] = [];
  for (let i = 0; i < words.length; i += 2) {
    qwords.push(toQword(words[i] as number, words[i + 1] as number));
  }
  return qwords;
}
