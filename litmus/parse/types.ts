import { quote } from '../../diagnostics/diagnostic.ts';
import { LitmusFault } from '../problem.ts';
import type { Cursor } from './cursor.ts';
import type { LocationWidth } from './locations.ts';

/** A C type as far as litmus tests have them. */
export interface CType {
  readonly widthBits: LocationWidth;
  readonly isSigned: boolean;
  /** What a pointer points to; undefined for `void *` and for what is no pointer. */
  readonly pointee?: CType;
}

export const intType: CType = { widthBits: 32, isSigned: true };

const signed = (widthBits: LocationWidth): CType => ({ widthBits, isSigned: true });
const unsigned = (widthBits: LocationWidth): CType => ({ widthBits, isSigned: false });

const namedTypes: ReadonlyMap<string, CType> = new Map([
  ['int', intType],
  ['char', signed(8)],
  ['short', signed(16)],
  ['long', signed(64)],
  ['bool', unsigned(8)],
  ['void', intType],
  ['size_t', unsigned(64)],
  ['intptr_t', signed(64)],
  ['uintptr_t', unsigned(64)],
  ['dma_addr_t', unsigned(64)],
  ['atomic_t', intType],
  ['atomic64_t', signed(64)],
  ['atomic_long_t', signed(64)],
  ['spinlock_t', intType],
  ['__int128', signed(128)],
  ...([8, 16, 32, 64] as const).flatMap((bits): [string, CType][] => [
    [`u${bits}`, unsigned(bits)],
    [`s${bits}`, signed(bits)],
    [`__u${bits}`, unsigned(bits)],
    [`__s${bits}`, signed(bits)],
    [`uint${bits}_t`, unsigned(bits)],
    [`int${bits}_t`, signed(bits)],
    [`__le${bits}`, unsigned(bits)],
    [`__be${bits}`, unsigned(bits)],
  ]),
]);

/** Words that change nothing here. */
const qualifiers = ['const', 'volatile', 'static', 'register', '__rcu', '__user', '__iomem'];

/** `unsigned long *`, `u64`, ...; undefined, with nothing read, if no type stands here. */
export function readType(cursor: Cursor): CType | undefined {
  const base = readBaseType(cursor);
  return base === undefined ? undefined : readPointers(cursor, base);
}

/** A type without the stars after it, which belong to each name that is declared. */
export function readBaseType(cursor: Cursor): CType | undefined {
  let type: CType | undefined;
  let isUnsigned: boolean | undefined;
  for (;;) {
    const word = cursor.textAhead();
    const named = namedTypes.get(word);
    if (named !== undefined) {
      // `long int`, `short int`, `long long`: the more telling word counts.
      type = type === undefined || named !== intType ? named : type;
    } else if (word === 'unsigned' || word === 'signed') {
      isUnsigned = word === 'unsigned';
    } else if (word === 'struct' || word === 'union' || word === 'enum') {
      throw new LitmusFault(cursor.peek(), `${quote(word)} types are not modelled`);
    } else if (!qualifiers.includes(word)) {
      break;
    }
    cursor.next();
  }
  if (type === undefined && isUnsigned === undefined) return undefined;
  const base = type ?? intType;
  return isUnsigned === undefined ? base : { ...base, isSigned: !isUnsigned };
}

export function readPointers(cursor: Cursor, base: CType): CType {
  let type = base;
  for (let found = cursor.accept('*', ...qualifiers); found !== undefined; found = cursor.accept('*', ...qualifiers)) {
    if (found.text === '*') type = { widthBits: 64, isSigned: false, pointee: type };
  }
  return type;
}
