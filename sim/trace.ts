import { SequenceHash } from './hash.ts';

/** Where the trace gets the stamp of an event from; the kernel is one. */
export interface TraceClock {
  readonly nowNs: number;
  readonly stepNumber: number;
  readonly processId: number;
}

export interface TraceRecord<E> {
  readonly stepNumber: number;
  readonly atNs: number;
  readonly processId: number;
  readonly event: E;
}

/** Where a model emits one kind of event. Ask {@link active} first: with nobody listening, no object is made. */
export class Channel<E> {
  active = false;
  readonly #trace: Trace<{ readonly kind: string }>;
  observers: ((event: E) => void)[] = [];

  constructor(trace: Trace<{ readonly kind: string }>) {
    this.#trace = trace;
  }

  emit(event: E): void {
    if (this.#trace.recording) {
      this.#trace.keep(event as { readonly kind: string });
    }
    for (const observer of this.observers) {
      observer(event);
    }
  }
}

export type FieldNames<E extends { readonly kind: string }> = {
  readonly [K in E['kind']]: readonly Exclude<keyof Extract<E, { kind: K }>, 'kind'>[];
};

/**
 * The typed trace of a run: observers see each event once, as it happens; a recording keeps them all and has a digest
 * over every field, so that two runs are equal exactly if their digests are.
 */
export class Trace<E extends { readonly kind: string }> {
  recording = false;
  records: TraceRecord<E>[] = [];

  readonly #clock: TraceClock;
  readonly #fields: FieldNames<E>;
  readonly #channels = new Map<string, Channel<never>>();

  constructor(clock: TraceClock, fields: FieldNames<E>) {
    this.#clock = clock;
    this.#fields = fields;
    for (const kind of Object.keys(fields)) {
      this.#channels.set(kind, new Channel<never>(this as unknown as Trace<{ readonly kind: string }>));
    }
  }

  channel<K extends E['kind']>(kind: K): Channel<Extract<E, { kind: K }>> {
    return this.#channels.get(kind) as unknown as Channel<Extract<E, { kind: K }>>;
  }

  observe<K extends E['kind']>(kind: K, observer: (event: Extract<E, { kind: K }>) => void): void {
    const channel = this.channel(kind);
    channel.observers.push(observer);
    channel.active = true;
  }

  /** Forgets the records; a recording goes on. */
  clear(): void {
    this.records = [];
  }

  /** Switches recording; the records of before stay until {@link clear}. */
  record(on: boolean): void {
    this.recording = on;
    for (const channel of this.#channels.values()) {
      channel.active = on || channel.observers.length > 0;
    }
  }

  keep(event: { readonly kind: string }): void {
    const { nowNs: atNs, stepNumber, processId } = this.#clock;
    this.records.push({ stepNumber, atNs, processId, event: event as E });
  }

  /** 64 bits over all records, as 16 hexadecimal digits. */
  digest(): string {
    const hash = new SequenceHash();
    for (const { stepNumber, atNs, processId, event } of this.records) {
      hash.number(stepNumber);
      hash.number(atNs);
      hash.word(processId);
      hash.text(event.kind);
      for (const field of this.fieldsOf(event)) {
        hashValue(hash, event[field]);
      }
    }
    return hash.toString();
  }

  /** Field names of an event in their declared order: object-key order decides nothing. */
  fieldsOf(event: E): readonly (keyof E)[] {
    return this.#fields[event.kind as E['kind']] as unknown as readonly (keyof E)[];
  }
}

function hashValue(hash: SequenceHash, value: unknown): void {
  if (typeof value === 'number') {
    hash.number(value);
  } else if (typeof value === 'boolean') {
    hash.word(value ? 1 : 0);
  } else if (Array.isArray(value)) {
    hash.word(value.length);
    for (const item of value) {
      hashValue(hash, item);
    }
  } else {
    hash.text(String(value));
  }
}
