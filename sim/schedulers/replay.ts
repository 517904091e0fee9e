import type { ChoicePoint, Scheduler } from '../scheduler.ts';

/** The recording does not fit the run: another scenario, another version, or an edited file. */
export class ReplayDivergedError extends Error {
  override readonly name = 'ReplayDivergedError';
}

export interface Recording {
  readonly drawsTimes: boolean;
  readonly choices: readonly number[];
}

/** Gives a recorded list of answers, and says where it stops to fit. */
export class ReplayScheduler implements Scheduler {
  readonly name = 'replay';
  readonly drawsTimes: boolean;
  readonly #choices: readonly number[];
  #next = 0;

  constructor(recording: Recording) {
    this.drawsTimes = recording.drawsTimes;
    this.#choices = recording.choices;
  }

  begin(): void {
    this.#next = 0;
  }

  choose(point: ChoicePoint): number {
    const answer = this.#choices[this.#next];
    if (answer === undefined) {
      throw new ReplayDivergedError(
        `replay diverged: the recording ends after ${this.#choices.length} choices, the run asks for one more ` +
          `(${point.kind} "${point.name}", ${point.count} options)`,
      );
    }
    if (answer >= point.count) {
      throw new ReplayDivergedError(
        `replay diverged: choice ${this.#next} (${point.kind} "${point.name}") has ${point.count} options, ` +
          `the recording picked ${answer}`,
      );
    }
    this.#next += 1;
    return answer;
  }

  /** Call after the run: a recording with answers left over is of another run too. */
  assertUsedUp(): void {
    if (this.#next !== this.#choices.length) {
      throw new ReplayDivergedError(
        `replay diverged: the run ended after ${this.#next} of ${this.#choices.length} recorded choices`,
      );
    }
  }
}

/** Text form of a recording: `w:` or `t:` (window rule or drawn times), then the answers in base 36. */
export function encodeRecording(recording: Recording): string {
  return (recording.drawsTimes ? 't:' : 'w:') + recording.choices.map((choice) => choice.toString(36)).join('.');
}

/** Reads {@link encodeRecording}'s form; undefined if it is not one. */
export function decodeRecording(text: string): Recording | undefined {
  const match = /^([wt]):((?:[0-9a-z]{1,11}(?:\.[0-9a-z]{1,11})*)?)$/.exec(text);
  if (match === null) {
    return undefined;
  }
  const digits = match[2] ?? '';
  const choices = digits === '' ? [] : digits.split('.').map((choice) => Number.parseInt(choice, 36));
  return choices.every(Number.isSafeInteger) ? { drawsTimes: match[1] === 't', choices } : undefined;
}
