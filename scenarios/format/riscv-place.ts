/** Name of a device or domain and one of its entries, or name of a page; then a doubleword of it, or its upper half. */
export const riscvPlacePattern =
  /^([a-z][a-z0-9-]*)(?:\.(ddt|dc|pdt|pc|pte|table)(?:\[(0x[0-9a-fA-F]+|[0-9]+)\])?)?(?:\.([qw])([0-7]))?(\.high)?$/;

export type RiscvPlaceStructure = 'ddt' | 'dc' | 'pdt' | 'pc' | 'pte' | 'table';

/** A place that an inline step names: `nic.dc.w0`, `nic.pc[7].w1`, `a.pte[0x1000]`, `page1.q3`. */
export interface RiscvPlace {
  /** A device, of a pte or table a domain; without a structure a page. */
  readonly name: string;
  readonly structure: RiscvPlaceStructure | undefined;
  /** The process, or the IOVA, in brackets. */
  readonly index: number | undefined;
  /** The letter before the number of the doubleword. */
  readonly letter: 'q' | 'w' | undefined;
  /** 0 without one. */
  readonly word: number;
  /** The upper 32 bits of it. */
  readonly isHigh: boolean;
}

/** The parts of a place; undefined for text of another form, which the schema refuses. */
export function parseRiscvPlace(text: string): RiscvPlace | undefined {
  const match = riscvPlacePattern.exec(text);
  if (match === null) {
    return undefined;
  }
  const [, name = '', structure, index, letter, word, high] = match;
  return {
    name,
    structure: structure as RiscvPlaceStructure | undefined,
    index: index === undefined ? undefined : Number(index),
    letter: letter as 'q' | 'w' | undefined,
    word: Number(word ?? 0),
    isHigh: high !== undefined,
  };
}
