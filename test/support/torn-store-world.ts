import { Arena } from '../../sim/arena.ts';
import { Cell, WordArray } from '../../sim/containers.ts';
import { Kernel } from '../../sim/kernel.ts';
import { type Flow, Operation } from '../../sim/operation.ts';
import { ampleLimits } from './tiny-world.ts';

const wordCount = 8;
const readCount = 4;

class Step extends Operation<void> {
  readonly label: string;
  readonly #work: () => void;

  constructor(label: string, work: () => void) {
    super(0, Number.POSITIVE_INFINITY);
    this.label = label;
    this.#work = work;
  }

  execute(): void {
    this.#work();
  }
}

/**
 * A world whose states SPIN and three prototypes have counted: two writers of eight words, one step a word, and a reader
 * that takes two words a step into a buffer and sees, with the fourth step of each pass, whether the eight differ.
 */
export function tornStoreWorld(passes: number): { readonly kernel: Kernel; readonly torn: Cell } {
  const arena = new Arena();
  const kernel = new Kernel(arena, ampleLimits);
  const words = new WordArray(arena, 'words', wordCount);
  const buffer = new WordArray(arena, 'buffer', wordCount);
  const torn = new Cell(arena, 'torn');
  for (const writer of [0, 1]) {
    const stores = Array.from({ length: wordCount }, (_, i) => new Step(`store ${i}`, () => words.set(i, 1 + writer)));
    kernel.addProcess({
      name: `writer ${writer}`,
      kind: 'task',
      *body(): Flow {
        for (const store of stores) yield store;
      },
    });
  }
  const reads = Array.from(
    { length: readCount },
    (_, g) =>
      new Step(`read ${g}`, () => {
        for (const i of [2 * g, 2 * g + 1]) buffer.set(i, words.get(i));
        if (g === readCount - 1) {
          const first = buffer.get(0);
          for (let i = 1; i < wordCount; i += 1) {
            if (buffer.get(i) !== first) torn.set(1);
          }
        }
      }),
  );
  kernel.addProcess({
    name: 'reader',
    kind: 'task',
    *body(): Flow {
      for (let pass = 0; pass < passes; pass += 1) {
        for (const read of reads) yield read;
      }
    },
  });
  kernel.seal();
  return { kernel, torn };
}
