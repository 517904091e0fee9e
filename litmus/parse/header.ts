import { closest, quote } from '../../diagnostics/diagnostic.ts';
import { LitmusFault, type Position } from '../problem.ts';
import type { Architecture } from '../program.ts';
import { blankEnd, LineCounter } from './tokens.ts';

export interface Header {
  readonly architecture: Architecture;
  /** X86_64 of herd has the operands as AT&T writes them. */
  readonly isX86_64: boolean;
  readonly name: string;
  /** Where the initial state begins. */
  readonly stateAt: number;
}

const architectures: ReadonlyMap<string, Architecture> = new Map([
  ['X86', 'x86'],
  ['X86_64', 'x86'],
  ['RISCV', 'riscv'],
  ['AArch64', 'aarch64'],
  ['C', 'c'],
]);

/** Of the herd family, and not read here. */
const others = ['ARM', 'PPC', 'MIPS', 'LISA', 'Bell', 'JAVA', 'ASL', 'BPF', 'CPP', 'PTX'];

/** The line `ARCH NAME` and the place of `{`; between them stand a title in quotes and lines such as `Cycle=...`. */
export function readHeader(text: string): Header {
  const lines = new LineCounter(text);
  const begin = skipBlanks(text, lines);
  const [, word = '', name = ''] = /^(\S+)[ \t]*(\S*)/.exec(text.slice(begin, begin + 2000)) ?? [];
  const at = lines.positionOf(begin, begin + word.length);
  if (word === '')
    throw new LitmusFault(at, 'the file is empty', 'a litmus test begins with its architecture and name');
  const architecture = architectures.get(word);
  if (architecture === undefined) throw unknownArchitecture(word, at);
  if (name === '') {
    throw new LitmusFault(at, `expected the name of the test after ${word}`, `write "${word} SB", for example`);
  }
  const nameAt = text.indexOf(name, begin + word.length);
  return { architecture, isX86_64: word === 'X86_64', name, stateAt: findState(text, nameAt + name.length, lines) };
}

function unknownArchitecture(word: string, at: Position): LitmusFault {
  const known = [...architectures.keys()];
  const near = closest(word, known);
  const isOther = others.includes(word);
  const hint = near === undefined || isOther ? `known: ${known.join(', ')}` : `did you mean "${near}"?`;
  return new LitmusFault(
    at,
    `${isOther ? 'tests of' : 'unknown'} architecture ${quote(word)}${isOther ? ' are not modelled' : ''}`,
    hint,
  );
}

function skipBlanks(text: string, lines: LineCounter): number {
  let at = 0;
  for (let next = skipOne(text, at, lines); next > at; next = skipOne(text, at, lines)) at = next;
  return at;
}

function skipOne(text: string, at: number, lines: LineCounter): number {
  return blankEnd(text, at, { lines, inFunction: false, isC: false });
}

function findState(text: string, from: number, lines: LineCounter): number {
  let at = from;
  while (at < text.length) {
    const character = text[at];
    if (character === '{') return at;
    const next = skipOne(text, at, lines);
    if (next > at) {
      at = next;
    } else if (character === '"') {
      const close = text.indexOf('"', at + 1);
      at = close < 0 ? at + 1 : close + 1;
    } else {
      at += 1;
    }
  }
  throw new LitmusFault(
    lines.positionOf(text.length, text.length),
    'the file ends before its initial state',
    'after the header comes { ... }, which may be empty',
  );
}
