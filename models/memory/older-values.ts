import type { CpuKnowledge } from './cpu-knowledge.ts';
import type { AcceptsWords, LoadRequest } from './memory-model.ts';
import { hasRow, join, noView, type View } from './views.ts';
import type { OwnRmw, WriteHistory } from './write-history.ts';

/** What memory holds now. */
export const newest = -1;

/** What a load of one CPU may give that is not in its store buffer: the newest value, or one from before a later write. */
export class OlderValues {
  readonly #cpu: number;
  readonly #history: WriteHistory;
  readonly #knowledge: CpuKnowledge;
  readonly #readWord: (address: number) => number;

  constructor(
    cpu: number,
    parts: { history: WriteHistory; knowledge: CpuKnowledge; readWord: (address: number) => number },
  ) {
    this.#cpu = cpu;
    this.#history = parts.history;
    this.#knowledge = parts.knowledge;
    this.#readWord = parts.readWord;
  }

  /** {@link newest}, then rows of the history before which the load may see memory; `accepts` may leave some out. */
  versions(request: LoadRequest, mayBeOlder: boolean, accepts: AcceptsWords | undefined): readonly number[] {
    const { address, wordCount } = request;
    const versions = [newest];
    const bound = mayBeOlder ? this.#knowledge.lowerBound(request) : noView;
    for (let row = this.#history.rowCount - 1; row >= 0 && mayBeOlder; row -= 1) {
      if (this.#history.overlaps(row, address, wordCount)) {
        if (hasRow(bound, row) || this.#hasSeen(row, address, wordCount)) {
          break;
        }
        versions.push(row);
      }
    }
    return accepts === undefined
      ? versions
      : versions.filter((version) => accepts(this.words(address, wordCount, version)));
  }

  #hasSeen(row: number, address: number, wordCount: number): boolean {
    for (let word = address; word < address + wordCount * 4; word += 4) {
      if (this.#history.overlaps(row, word, 1) && this.#knowledge.hasSeen(row, word)) {
        return true;
      }
    }
    return false;
  }

  words(address: number, wordCount: number, version: number): readonly number[] {
    const words: number[] = [];
    for (let word = address; word < address + wordCount * 4; word += 4) {
      let value = this.#readWord(word);
      for (let row = this.#history.rowCount - 1; version !== newest && row >= version; row -= 1) {
        value = this.#history.wordBefore(row, word, value);
      }
      words.push(value >>> 0);
    }
    return words;
  }

  /**
   * The CPU has read this version: it will not read an older one there. Gives what it learns by that; of an own
   * read-modify-write as the machine has it.
   */
  see(address: number, wordCount: number, read: { readonly version: number; readonly ownRmw: OwnRmw }): View {
    const end = read.version === newest ? this.#history.rowCount : read.version;
    let view = noView;
    for (let word = address; word < address + wordCount * 4; word += 4) {
      for (let row = end - 1; row >= 0; row -= 1) {
        if (this.#history.overlaps(row, word, 1)) {
          this.#knowledge.see(word, row);
          view = join(view, this.#history.viewOf(row, this.#cpu, read.ownRmw));
          break;
        }
      }
    }
    return view;
  }
}
