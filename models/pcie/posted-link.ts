import type { Arena } from '../../sim/arena.ts';
import { unmodelled } from '../../sim/assert.ts';
import { Fifo } from '../../sim/containers.ts';

/** As many requests as there are ITags, and some writes. */
const capacity = 40;

/** Posted messages that are on their way to one function, in order: none passes another (PCIe 2.4.1). */
export class PostedLink {
  readonly messages: Fifo;
  readonly #columns: number;
  /** Whether software writes to the function at all; known when the machine is sealed. */
  isUsed = false;

  constructor(arena: Arena, name: string, columns: number) {
    this.messages = new Fifo(arena, `${name}.link`, capacity, columns);
    this.#columns = columns;
  }

  /** Room for a message at the end; gives its row. A sender that is held up in turn is not modelled. */
  push(): number {
    if (this.messages.isFull) {
      unmodelled(`more than ${capacity} posted messages on the link to one function`);
    }
    return this.messages.push();
  }

  /** The foremost message is over. */
  drop(): void {
    this.messages.remove(0);
  }

  /** The foremost message goes to the end of a queue of the same columns that has room. */
  moveTo(queue: Fifo): void {
    const row = queue.push();
    for (let column = 0; column < this.#columns; column += 1) {
      queue.set(row, column, this.messages.get(0, column));
    }
    this.messages.remove(0);
  }
}
