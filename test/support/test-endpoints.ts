import type { DeviceTlbInvalidation, DeviceTlbPort } from '../../models/iommu/device-tlb-port.ts';
import type { VtdSystem } from '../../models/vtd-system.ts';
import { Fifo } from '../../sim/containers.ts';
import { Operation, type StepContext } from '../../sim/operation.ts';

/**
 * By requester ID: how many completion messages answer a request, or that none does, as the function hangs or is gone
 * from the bus. Who is left out takes no notice either.
 */
export type EndpointSketch = Readonly<Record<number, number | 'silent' | 'gone'>>;

const leftColumn = 2;

/** Endpoints without a device TLB: they answer requests, one message a step, in any order, or not at all. */
export class TestEndpoints implements DeviceTlbPort {
  readonly someMayStaySilent = true;
  readonly #sketch: EndpointSketch;
  #pending: Fifo | undefined;

  constructor(sketch: EndpointSketch) {
    this.#sketch = sketch;
  }

  /** The process that answers; before the system is sealed. */
  addTo({ arena, kernel, unit }: VtdSystem): void {
    const pending = new Fifo(arena, 'test.endpoints', 8, 4);
    this.#pending = pending;
    const answer = new Answer(pending, (sid, itag, count) => unit.queue.completeDeviceTlb(sid, itag, count));
    kernel.addProcess({ name: 'endpoint', kind: 'engine', body: answer });
  }

  send(request: DeviceTlbInvalidation): void {
    const count = this.#sketch[request.sid];
    if (typeof count === 'number' && this.#pending !== undefined) {
      const row = this.#pending.push();
      for (const [at, value] of [request.sid, request.itag, count, count].entries()) {
        this.#pending.set(row, at, value);
      }
    }
  }

  mayStaySilent(sid: number): boolean {
    return typeof this.#sketch[sid] !== 'number';
  }
}

class Answer extends Operation<void> {
  readonly label = 'a request to answer';
  readonly #pending: Fifo;
  readonly #complete: (sid: number, itag: number, completionCount: number) => void;

  constructor(pending: Fifo, complete: (sid: number, itag: number, completionCount: number) => void) {
    super(1, 1000);
    this.#pending = pending;
    this.#complete = complete;
  }

  override get guarded(): boolean {
    return true;
  }

  override ready(): boolean {
    return this.#pending.length > 0;
  }

  execute(context: StepContext): void {
    const row = context.choose('answer', this.#pending.length);
    const [sid = 0, itag = 0, left = 0, count = 0] = [0, 1, 2, 3].map((at) => this.#pending.get(row, at));
    if (left === 1) {
      this.#pending.remove(row);
    } else {
      this.#pending.set(row, leftColumn, left - 1);
    }
    // 8 messages are told as 0 (VT-d 4.3).
    this.#complete(sid, itag, count % 8);
  }
}
