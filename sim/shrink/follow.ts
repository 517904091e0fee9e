import type { Kernel } from '../kernel.ts';
import type { Operation } from '../operation.ts';
import type { ChoicePoint, Scheduler } from '../scheduler.ts';
import type { Answers, Attempt, Schedule } from './schedule.ts';

const nobody = -1;

/**
 * Follows a schedule as far as it goes. Where the process whose turn it is cannot go, or the schedule is at its end, the
 * process of the step before goes on; else, the lowest that may go. Choices without an answer get 0, and an answer that
 * is too large becomes the largest. What was really done is an {@link Attempt}.
 */
export class FollowScheduler implements Scheduler {
  readonly name = 'follow';
  readonly drawsTimes = false;

  readonly #kernel: Kernel;
  readonly #schedule: Schedule;
  #taken = new TakenSteps();
  #next = 0;

  constructor(kernel: Kernel, schedule: Schedule) {
    this.#kernel = kernel;
    this.#schedule = schedule;
  }

  begin(): void {
    this.#taken = new TakenSteps();
    this.#next = 0;
  }

  choose(point: ChoicePoint): number {
    if (point.kind === 'process') {
      const candidates = point.candidates.subarray(0, point.count);
      this.#taken.noteCandidates(candidates);
      return candidates.indexOf(this.#whoGoes(candidates, point.operations));
    }
    const process = this.#kernel.processId;
    const answer = Math.min(this.#taken.answerFrom(this.#schedule.answers, process) ?? 0, point.count - 1);
    this.#taken.noteAnswer(process, answer);
    return answer;
  }

  stepTaken(process: number, operation: Operation): void {
    this.#taken.noteStep(process, operation.label);
    if (this.#schedule.order[this.#next] === process) this.#next += 1;
  }

  /** What the run before did. */
  get attempt(): Attempt {
    return this.#taken.attempt;
  }

  #whoGoes(candidates: Int32Array, operations: readonly (Operation | undefined)[]): number {
    const { order } = this.#schedule;
    while (this.#next < order.length) {
      const wanted = order[this.#next] as number;
      if (candidates.includes(wanted)) return wanted;
      if (operations[wanted] !== undefined) break;
      // It has ended: the rest of its steps will never be.
      this.#next += 1;
    }
    const { isOptional } = this.#kernel.stepper.processes;
    const heldBack = this.#next === order.length ? this.#schedule.heldBack : nobody;
    const required = candidates.filter((id) => isOptional[id] === 0 && id !== heldBack);
    const left = required.length === 0 ? candidates : required;
    return left.includes(this.#taken.last) ? this.#taken.last : (left[0] as number);
  }
}

/** Keeps what another scheduler makes of a run, as a schedule. */
export class NotingScheduler implements Scheduler {
  readonly name: string;
  readonly drawsTimes: boolean;
  readonly #inner: Scheduler;
  readonly #kernel: Kernel;
  #taken = new TakenSteps();

  constructor(kernel: Kernel, inner: Scheduler) {
    this.#kernel = kernel;
    this.#inner = inner;
    this.name = inner.name;
    this.drawsTimes = inner.drawsTimes;
  }

  begin(): void {
    this.#taken = new TakenSteps();
    this.#inner.begin();
  }

  choose(point: ChoicePoint): number {
    const answer = this.#inner.choose(point);
    if (point.kind === 'process') {
      this.#taken.noteCandidates(point.candidates.subarray(0, point.count));
    } else if (point.kind !== 'delay') {
      this.#taken.noteAnswer(this.#kernel.processId, answer);
    }
    return answer;
  }

  stepTaken(process: number, operation: Operation): void {
    this.#taken.noteStep(process, operation.label);
    this.#inner.stepTaken?.(process, operation);
  }

  stepDone(process: number): void {
    this.#inner.stepDone?.(process);
  }

  get attempt(): Attempt {
    return this.#taken.attempt;
  }
}

class TakenSteps {
  /** Process of the step before. */
  last = nobody;
  readonly #order: number[] = [];
  readonly #answers: (number[] | undefined)[][] = [];
  readonly #labels: string[][] = [];
  #switches = 0;
  #preemptions = 0;
  #answerSum = 0;
  #couldGoOn = false;

  get attempt(): Attempt {
    return {
      order: this.#order,
      answers: this.#answers,
      labels: this.#labels,
      switches: this.#switches,
      preemptions: this.#preemptions,
      answerSum: this.#answerSum,
    };
  }

  noteCandidates(candidates: Int32Array): void {
    this.#couldGoOn = candidates.includes(this.last);
  }

  noteStep(process: number, label: string): void {
    if (process !== this.last && this.last !== nobody) {
      this.#switches += 1;
      this.#preemptions += this.#couldGoOn ? 1 : 0;
    }
    // Asked of nobody where one process alone may go: then the one before cannot.
    this.#couldGoOn = false;
    this.last = process;
    this.#order.push(process);
    this.#labelsOf(process).push(label);
  }

  noteAnswer(process: number, answer: number): void {
    let own = this.#answers[process];
    if (own === undefined) {
      own = [];
      this.#answers[process] = own;
    }
    const step = this.#labelsOf(process).length;
    const given = own[step];
    if (given === undefined) {
      own[step] = [answer];
    } else {
      given.push(answer);
    }
    this.#answerSum += answer;
  }

  /** What a schedule answers to the choice that is asked now. */
  answerFrom(answers: Answers, process: number): number | undefined {
    const step = this.#labelsOf(process).length;
    return answers[process]?.[step]?.[this.#answers[process]?.[step]?.length ?? 0];
  }

  #labelsOf(process: number): string[] {
    let own = this.#labels[process];
    if (own === undefined) {
      own = [];
      this.#labels[process] = own;
    }
    return own;
  }
}
