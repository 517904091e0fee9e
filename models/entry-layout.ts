/**
 * Layouts of table entries as data. The contents of an entry are 32-bit words, little-endian, in an array at a base
 * index; a field is a range of bits of the whole entry, wherever word boundaries fall.
 */

/** What a layout table says about one field. Bits are inclusive and count from bit 0 of the entry. */
interface FieldRow {
  readonly high: number;
  readonly low: number;
  /** Mnemonic in the specification. */
  readonly spec: string;
  /** Capabilities without which hardware takes the field as reserved: it is reserved while any of them is 0. */
  readonly reservedUnless?: string | readonly string[];
  /** Capability with the width of an address in bits; bits of the field at or above it are reserved. */
  readonly addressWidth?: string;
  /** What one unit of the contents stands for: 4096 for a pointer to a page. Default 1. */
  readonly unitBytes?: number;
  /** Hardware never looks at it. */
  readonly ignored?: true;
}

export interface Field {
  readonly name: string;
  readonly spec: string;
  readonly high: number;
  readonly low: number;
  readonly widthBits: number;
  readonly unitBytes: number;
  readonly ignored: boolean;
  readonly reservedUnless: readonly string[];
  readonly addressWidth: string | undefined;
  /** First and last word of the field, counted from the entry's base. */
  readonly firstWord: number;
  readonly lastWord: number;
  /** Bits of the first word below the field. */
  readonly shift: number;
  /** Weight of the second word's bit 0 in the value. */
  readonly carry: number;
  /** Bits of the last word up to the end of the field. */
  readonly lastMask: number;
}

export interface EntryLayout<Name extends string = string, Capability extends string = string> {
  readonly name: string;
  readonly widthBits: number;
  readonly wordCount: number;
  /** Where the specification defines the structure. */
  readonly section: string;
  /** The bit that makes the entry valid, if there is one such bit. */
  readonly validBit: number | undefined;
  readonly fields: Readonly<Record<Name, Field>>;
  /** The capabilities that decide about reserved bits. */
  readonly capabilities: readonly Capability[];
}

type CapabilityOf<Row> =
  | (Row extends { readonly reservedUnless: infer C } ? (C extends readonly (infer E)[] ? E : C) : never)
  | (Row extends { readonly addressWidth: infer C } ? C : never);

// A field has to be a safe integer with room to spare for its unit.
const maxFieldBits = 52;
const twoTo32 = 2 ** 32;

/** Builds a layout. Throws RangeError for fields that overlap, lie outside the entry, or are wider than 52 bits. */
export function layout<const Rows extends Readonly<Record<string, FieldRow>>>(table: {
  readonly name: string;
  readonly widthBits: number;
  readonly section: string;
  readonly validBit?: number;
  readonly fields: Rows;
}): EntryLayout<Extract<keyof Rows, string>, Extract<CapabilityOf<Rows[keyof Rows]>, string>> {
  const { name, widthBits, section } = table;
  if (!(Number.isInteger(widthBits) && widthBits > 0 && widthBits % 32 === 0)) {
    throw new RangeError(`${name}: the width must be a multiple of 32 bits, got ${widthBits}`);
  }
  const owner = new Array<string | undefined>(widthBits);
  const fields: Record<string, Field> = {};
  const capabilities = new Set<string>();
  for (const [fieldName, row] of Object.entries<FieldRow>(table.fields)) {
    const field = fieldFrom(fieldName, row);
    for (const capability of [...field.reservedUnless, field.addressWidth]) {
      if (capability !== undefined) capabilities.add(capability);
    }
    claimBits(name, owner, field);
    fields[fieldName] = field;
  }
  return {
    name,
    widthBits,
    wordCount: widthBits / 32,
    section,
    validBit: table.validBit,
    // Built from the rows above, one field and its capabilities for each; the compiler cannot follow the loop.
    fields: fields as Readonly<Record<Extract<keyof Rows, string>, Field>>,
    capabilities: [...capabilities] as Extract<CapabilityOf<Rows[keyof Rows]>, string>[],
  };
}

function fieldFrom(name: string, row: FieldRow): Field {
  const { high, low, spec, reservedUnless = [], addressWidth, unitBytes = 1, ignored = false } = row;
  return {
    name,
    spec,
    high,
    low,
    widthBits: high - low + 1,
    unitBytes,
    ignored,
    reservedUnless: typeof reservedUnless === 'string' ? [reservedUnless] : reservedUnless,
    addressWidth,
    firstWord: low >>> 5,
    lastWord: high >>> 5,
    shift: low & 31,
    carry: 2 ** (32 - (low & 31)),
    lastMask: 0xffff_ffff >>> (31 - (high & 31)),
  };
}

function claimBits(layoutName: string, owner: (string | undefined)[], field: Field): void {
  const { name, high, low, widthBits } = field;
  const place = `${layoutName}.${name} (${high}:${low})`;
  if (!(Number.isInteger(low) && Number.isInteger(high) && low >= 0 && low <= high && high < owner.length)) {
    throw new RangeError(`${place} is not within the ${owner.length} bits of the entry`);
  }
  if (widthBits > maxFieldBits) {
    throw new RangeError(`${place} is wider than ${maxFieldBits} bits`);
  }
  for (let bit = low; bit <= high; bit += 1) {
    const other = owner[bit];
    if (other !== undefined) {
      throw new RangeError(`${place} overlaps ${other} at bit ${bit}`);
    }
    owner[bit] = name;
  }
}

/** Contents of a field as an unsigned number, raw: a pointer comes as the number of its page. */
export function getField(field: Field, words: ArrayLike<number>, base: number): number {
  const { firstWord, lastWord, shift, carry } = field;
  const last = ((words[base + lastWord] as number) & field.lastMask) >>> 0;
  if (firstWord === lastWord) {
    return last >>> shift;
  }
  const first = (words[base + firstWord] as number) >>> shift;
  if (firstWord + 1 === lastWord) {
    return first + last * carry;
  }
  return first + ((words[base + firstWord + 1] as number) >>> 0) * carry + last * carry * twoTo32;
}

/** The address in a pointer field, in bytes; exact, as it is a multiple of the field's unit. */
export function getAddress(field: Field, words: ArrayLike<number>, base: number): number {
  return getField(field, words, base) * field.unitBytes;
}

/** Replaces the contents of a field, raw as {@link getField} gives them. RangeError if the value does not fit. */
export function setField(field: Field, words: Int32Array | Uint32Array, base: number, value: number): void {
  if (!(Number.isInteger(value) && value >= 0 && value < 2 ** field.widthBits)) {
    throw new RangeError(`${field.name} has ${field.widthBits} bits and cannot hold ${value}`);
  }
  if (field.firstWord === field.lastWord) {
    const index = base + field.firstWord;
    const mask = (0xffff_ffff >>> (32 - field.widthBits)) << field.shift;
    words[index] = ((words[index] as number) & ~mask) | (value << field.shift);
    return;
  }
  let rest = value;
  for (let word = field.firstWord; word <= field.lastWord; word += 1) {
    const mask = maskWithin(field, word);
    const shift = word === field.firstWord ? field.shift : 0;
    const bits = (rest * 2 ** shift) % twoTo32;
    words[base + word] = ((words[base + word] as number) & ~mask) | (bits & mask);
    rest = Math.floor(rest / 2 ** (32 - shift));
  }
}

/** The bits of one word of the entry that belong to the field. */
function maskWithin(field: Field, word: number): number {
  const from = Math.max(field.low - word * 32, 0);
  const to = Math.min(field.high - word * 32, 31);
  return ((0xffff_ffff >>> (31 - (to - from))) << from) >>> 0;
}

/**
 * A new entry from named values; fields left out are 0. Pointers are byte addresses. RangeError for a name the layout
 * does not have, an address that is not aligned to the field's unit, and a value that does not fit.
 */
export function encode<Name extends string>(
  entryLayout: EntryLayout<Name>,
  values: Readonly<Partial<Record<Name, number>>>,
): Uint32Array {
  const words = new Uint32Array(entryLayout.wordCount);
  for (const name of Object.keys(values) as Name[]) {
    const field = Object.hasOwn(entryLayout.fields, name) ? entryLayout.fields[name] : undefined;
    const value = values[name];
    if (field === undefined) {
      throw new RangeError(`${entryLayout.name} has no field ${name}`);
    }
    if (value === undefined) continue;
    if (value % field.unitBytes !== 0) {
      throw new RangeError(`${name} must be a multiple of ${field.unitBytes}, got ${value}`);
    }
    setField(field, words, 0, value / field.unitBytes);
  }
  return words;
}

/** One mask word for each word of the entry, with all bits of the named fields. */
export function fieldMask<Name extends string>(entryLayout: EntryLayout<Name>, names: readonly Name[]): Uint32Array {
  const mask = new Uint32Array(entryLayout.wordCount);
  for (const name of names) {
    const field = entryLayout.fields[name];
    for (let word = field.firstWord; word <= field.lastWord; word += 1) {
      mask[word] = (mask[word] as number) | maskWithin(field, word);
    }
  }
  return mask;
}

// Checks ask for the mask with every walk; it depends on two constants only. Not state of a run.
const reservedMasks = new WeakMap<object, WeakMap<object, Uint32Array>>();

/**
 * Mask of the bits that must be 0: those of no field, those of fields the capabilities do not have, and address bits
 * beyond the width. The mask is shared, and the capabilities object must not change: read both only.
 */
export function reservedMask<Capability extends string>(
  entryLayout: EntryLayout<string, Capability>,
  capabilities: Readonly<Record<Capability, number>>,
): Uint32Array {
  let masks = reservedMasks.get(entryLayout);
  if (masks === undefined) {
    masks = new WeakMap();
    reservedMasks.set(entryLayout, masks);
  }
  let mask = masks.get(capabilities);
  if (mask === undefined) {
    mask = buildReservedMask(entryLayout, new Map(Object.entries<number>(capabilities)));
    masks.set(capabilities, mask);
  }
  return mask;
}

function buildReservedMask(entryLayout: EntryLayout, capabilities: ReadonlyMap<string, number>): Uint32Array {
  const mask = new Uint32Array(entryLayout.wordCount).fill(0xffff_ffff);
  for (const field of Object.values(entryLayout.fields)) {
    if (field.reservedUnless.some((capability) => capabilities.get(capability) === 0)) continue;
    // An address begins at bit 0 of its quadword, whatever bits of it the field leaves out.
    const quadword = field.low - (field.low % 64);
    const width = field.addressWidth === undefined ? undefined : capabilities.get(field.addressWidth);
    const end = width === undefined ? field.high : Math.min(field.high, quadword + width - 1);
    for (let bit = field.low; bit <= end; bit += 1) {
      mask[bit >>> 5] = (mask[bit >>> 5] as number) & ~(1 << (bit & 31));
    }
  }
  return mask;
}

/** Writes a mask to the first words of `out`. */
export function copyMask(mask: Uint32Array, out: Uint32Array): void {
  for (let i = 0; i < mask.length; i += 1) {
    out[i] = mask[i] as number;
  }
}

/** Whether two entries agree on all bits of the mask. */
export function equalUnderMask(
  a: ArrayLike<number>,
  aBase: number,
  b: ArrayLike<number>,
  bBase: number,
  mask: Uint32Array,
): boolean {
  for (let i = 0; i < mask.length; i += 1) {
    if ((((a[aBase + i] as number) ^ (b[bBase + i] as number)) & (mask[i] as number)) !== 0) {
      return false;
    }
  }
  return true;
}

/** Whether an entry has no bit of the mask. */
export function zeroUnderMask(words: ArrayLike<number>, base: number, mask: Uint32Array): boolean {
  for (let i = 0; i < mask.length; i += 1) {
    if (((words[base + i] as number) & (mask[i] as number)) !== 0) {
      return false;
    }
  }
  return true;
}

/** The fields in the order of their bits, lowest first. */
export function fieldsByPosition(entryLayout: EntryLayout): readonly Field[] {
  return Object.values(entryLayout.fields).sort((a, b) => a.low - b.low);
}

/** An entry from its 64-bit words, lowest first. */
export function entryFromQwords(qwords: readonly bigint[]): Uint32Array {
  const words = new Uint32Array(qwords.length * 2);
  for (const [i, qword] of qwords.entries()) {
    if (qword !== BigInt.asUintN(64, qword)) {
      throw new RangeError(`quadword ${i} has 64 bits and cannot hold ${qword}`);
    }
    words[i * 2] = Number(qword & 0xffff_ffffn);
    words[i * 2 + 1] = Number(qword >> 32n);
  }
  return words;
}

/** The 64-bit word at an index of the entry. */
export function qwordOf(words: ArrayLike<number>, base: number, index: number): bigint {
  const low = (words[base + index * 2] as number) >>> 0;
  const high = (words[base + index * 2 + 1] as number) >>> 0;
  return (BigInt(high) << 32n) | BigInt(low);
}
