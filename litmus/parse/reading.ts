import type { Problems } from '../problem.ts';
import type { Locations } from './locations.ts';
import type { ThreadBuilder } from './thread-builder.ts';
import type { Token } from './tokens.ts';

/** What the parts of one file are read into. */
export interface Reading {
  readonly tokens: readonly Token[];
  readonly problems: Problems;
  readonly locations: Locations;
}

/** A register as a dialect knows it. */
export interface RegisterName {
  /** One name for all spellings: `EAX` and `rax` are one register. */
  readonly name: string;
  /** How much of it the spelling stands for. */
  readonly widthBits: number;
}

/** What a condition has to know of a dialect: which names are registers. */
export interface Dialect {
  /** Undefined: no register of that name; the reason why is the dialect's to tell. */
  readonly register: (name: string, thread: ThreadBuilder) => RegisterName | undefined;
}
