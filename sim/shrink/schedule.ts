/** A schedule without the answers of one particular run: it can be cut, joined and put in another order. */
export interface Schedule {
  /** Ids of the processes, one for each step, in order. */
  readonly order: readonly number[];
  /**
   * By process and by the number of its steps, from 1, the answers to the choices asked in that step, in order; those
   * asked before its first step are at 0. An answer stays with its step when other processes move about.
   */
  readonly answers: Answers;
  /** Who waits for all others once `order` is at its end; left out: nobody. */
  readonly heldBack?: number;
}

export type Answers = readonly (readonly (readonly number[] | undefined)[] | undefined)[];

/** A schedule that was run: what every process did, and what it cost. */
export interface Attempt extends Schedule {
  /** By process: the label of each step. */
  readonly labels: readonly (readonly string[])[];
  /** Steps at which another process went on than took the step before. */
  readonly switches: number;
  /** Those of them where the process of the step before could have gone on. */
  readonly preemptions: number;
  /** Answers to all choices but who goes next, added up: 0 is the simplest run. */
  readonly answerSum: number;
}

/** A number of steps of one process in a row. */
export interface Segment {
  readonly process: number;
  readonly count: number;
}

export function segmentsOf(order: readonly number[]): readonly Segment[] {
  const segments: { process: number; count: number }[] = [];
  for (const process of order) {
    const last = segments.at(-1);
    if (last?.process === process) {
      last.count += 1;
    } else {
      segments.push({ process, count: 1 });
    }
  }
  return segments;
}

export function orderOf(segments: readonly Segment[]): readonly number[] {
  return segments.flatMap(({ process, count }) => new Array<number>(count).fill(process));
}

/** Whether `a` is shorter than `b`: fewer context switches, then steps, then preemptions, then simpler answers. */
export function isShorter(a: Attempt, b: Attempt): boolean {
  if (a.switches !== b.switches) return a.switches < b.switches;
  if (a.order.length !== b.order.length) return a.order.length < b.order.length;
  if (a.preemptions !== b.preemptions) return a.preemptions < b.preemptions;
  return a.answerSum < b.answerSum;
}

/** The schedule with steps `from` to `to - 1` of one process left out, and what was answered in them. */
export function withoutSteps(schedule: Schedule, process: number, from: number, to: number): Schedule {
  let step = -1;
  const order = schedule.order.filter((each) => {
    if (each !== process) return true;
    step += 1;
    return step < from || step >= to;
  });
  const own = schedule.answers[process] ?? [];
  const answers = [...schedule.answers];
  answers[process] = [...own.slice(0, from + 1), ...own.slice(to + 1)];
  return { order, answers };
}

/** The schedule with one answer changed. */
export function withAnswer(schedule: Schedule, place: AnswerPlace, answer: number): Schedule {
  const own = [...(schedule.answers[place.process] ?? [])];
  const given = [...(own[place.step] ?? [])];
  given[place.index] = answer;
  own[place.step] = given;
  const answers = [...schedule.answers];
  answers[place.process] = own;
  return { order: schedule.order, answers };
}

export interface AnswerPlace {
  readonly process: number;
  readonly step: number;
  readonly index: number;
}

/** Every answer that is not 0, and where it is. */
export function answersToSimplify({ answers }: Schedule): readonly (AnswerPlace & { readonly answer: number })[] {
  return answers.flatMap((own, process) =>
    (own ?? []).flatMap((given, step) =>
      (given ?? []).flatMap((answer, index) => (answer === 0 ? [] : [{ process, step, index, answer }])),
    ),
  );
}
