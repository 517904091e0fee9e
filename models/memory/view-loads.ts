import type { StepContext } from '../../sim/operation.ts';
import type { LoadOrder } from './access-order.ts';
import type { CpuKnowledge } from './cpu-knowledge.ts';
import type { AcceptsWords, AccessSink, LoadRequest } from './memory-model.ts';
import { newest, OlderValues } from './older-values.ts';
import type { Reservation } from './reservation.ts';
import type { ViewMachine } from './view-machines.ts';
import { join, type View } from './views.ts';
import type { WriteHistory } from './write-history.ts';
import type { WriteQueue } from './write-queue.ts';

/** What a load gives, and what is known by it. */
interface Read {
  readonly words: readonly number[];
  readonly known: View;
}

/** The loads of one CPU: from its own store buffer, or one of the values that memory has had. */
export class ViewLoads {
  readonly #machine: ViewMachine;
  readonly #knowledge: CpuKnowledge;
  readonly #queue: WriteQueue;
  readonly #reservation: Reservation;
  readonly #values: OlderValues;
  readonly #mayBeOlder: (address: number, wordCount: number) => boolean;

  constructor(parts: {
    cpu: number;
    sink: AccessSink;
    history: WriteHistory;
    machine: ViewMachine;
    knowledge: CpuKnowledge;
    queue: WriteQueue;
    reservation: Reservation;
    /** Whether loads of the place may give an older value at all. */
    mayBeOlder: (address: number, wordCount: number) => boolean;
  }) {
    const { cpu, sink, history, machine, knowledge, queue, reservation, mayBeOlder } = parts;
    this.#machine = machine;
    this.#knowledge = knowledge;
    this.#queue = queue;
    this.#reservation = reservation;
    this.#mayBeOlder = mayBeOlder;
    this.#values = new OlderValues(cpu, { history, knowledge, readWord: (address) => sink.readWord(address) });
  }

  /** Whether no fence, and no release before an acquire, keeps loads back. */
  mayRead(order: LoadOrder): boolean {
    return !this.#queue.blocksLoads && !(order === 'acquire-rcsc' && this.#queue.hasRcsc);
  }

  /** A load of the newest value there is for this CPU, as the read half of a read-modify-write. */
  readNewest(request: LoadRequest): Read {
    const queued = this.#queue.newestAt(request.address, request.wordCount);
    return queued === -1 ? this.#see(request, newest) : this.#forward(request, queued);
  }

  canRead(request: LoadRequest, accepts?: AcceptsWords): boolean {
    const { address, wordCount, order } = request;
    if (!this.mayRead(order)) {
      return false;
    }
    const queued = this.#queue.newestAt(address, wordCount);
    if (queued === -1) {
      return accepts === undefined || this.#versions(request, accepts).length > 0;
    }
    return (
      this.#queue.contains(queued, address, wordCount) &&
      this.forwards(queued, order) &&
      accepts?.(this.#queue.words(queued, address, wordCount)) !== false
    );
  }

  forwards(row: number, order: LoadRequest['order']): boolean {
    return !this.#queue.isRmw(row) || this.#machine.ownRmw[order] !== 'as-others';
  }

  /** What a load knows that takes its value from an own write in the buffer. */
  #forwardedView(row: number, order: LoadRequest['order']): View {
    const isWithRead = this.#queue.isRmw(row) && this.#machine.ownRmw[order] === 'with-read';
    return isWithRead ? join(this.#queue.view(row), this.#queue.readOf(row)) : this.#queue.view(row);
  }

  read(request: LoadRequest, context: Pick<StepContext, 'choose'>, accepts?: AcceptsWords): readonly number[] {
    const queued = this.#queue.newestAt(request.address, request.wordCount);
    const { words } = queued === -1 ? this.#pick(request, context, accepts) : this.#forward(request, queued);
    return words;
  }

  #pick(request: LoadRequest, context: Pick<StepContext, 'choose'>, accepts: AcceptsWords | undefined): Read {
    const versions = this.#versions(request, accepts);
    const picked = versions.length === 1 ? 0 : context.choose('value seen', versions.length);
    return this.#see(request, versions[picked] as number);
  }

  #forward(request: LoadRequest, row: number): Read {
    const { address, wordCount, order } = request;
    if (request.reserves === true) {
      this.#reservation.take(address, wordCount, true);
    }
    const known = this.#knowledge.loaded(request, this.#forwardedView(row, order));
    return { words: this.#queue.words(row, address, wordCount), known };
  }

  #versions(request: LoadRequest, accepts: AcceptsWords | undefined): readonly number[] {
    return this.#values.versions(request, this.#mayBeOlder(request.address, request.wordCount), accepts);
  }

  #see(request: LoadRequest, version: number): Read {
    const { address, wordCount, order } = request;
    const ownRmw = this.#machine.ownRmw[order];
    const words = this.#values.words(address, wordCount, version);
    const view = this.#values.see(address, wordCount, { version, ownRmw });
    this.#reserve(request, version === newest);
    return { words, known: this.#knowledge.loaded(request, view) };
  }

  /** A store-conditional after a load of an older value fails. */
  #reserve({ reserves, address, wordCount }: LoadRequest, isNewest: boolean): void {
    if (reserves !== true) {
      return;
    }
    if (isNewest) {
      this.#reservation.take(address, wordCount, false);
    } else {
      this.#reservation.drop();
    }
  }
}
