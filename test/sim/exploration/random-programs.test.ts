import { describe, expect, it } from 'vitest';
import { PathScheduler } from '../../../sim/exploration/search-path.ts';
import {
  type BruteForce,
  bruteForce,
  nameOf,
  searched,
  searchedByRaces,
  type Verdict,
} from '../../support/exploration-judge.ts';
import { ProgramWorld, type ProgramWorldOptions } from '../../support/program-world.ts';
import { type Program, randomProgram } from '../../support/random-programs.ts';

// Small programs with every kind of process and step. Brute force lists all runs of each and is the judge.

const programCount = 220;
const maxSchedules = 800;
const everyOrder: ProgramWorldOptions = {
  hasWindows: false,
  hasCheckpoints: false,
  isEndless: false,
  hasLocals: true,
};
const inWindows: ProgramWorldOptions = { ...everyOrder, hasWindows: true };
const whole = { reduces: true, keepsWindows: false, isExact: false, maxPreemptions: undefined };
const unreduced = { ...whole, reduces: false };

interface Judged {
  readonly seed: number;
  readonly program: Program;
  readonly truth: BruteForce;
  /** With windows of a few ns. */
  readonly truthInWindows: BruteForce;
}

const programs: Judged[] = [];
for (let seed = 0; programs.length < programCount; seed += 1) {
  const program = randomProgram(seed);
  const truth = bruteForce(program, everyOrder, maxSchedules);
  const truthInWindows = bruteForce(program, inWindows, maxSchedules);
  if (truth !== undefined && truthInWindows !== undefined && truth.schedules > 1) {
    programs.push({ seed, program, truth, truthInWindows });
  }
}

function expectSame(found: Verdict, truth: Verdict, seed: number): void {
  expect([...found.outcomes].sort(), `outcomes of program ${seed}`).toEqual([...truth.outcomes].sort());
  expect([...found.broken].sort(), `broken rules of program ${seed}`).toEqual([...truth.broken].sort());
}

/** Outcomes that take at most so many preemptions. */
function outcomesWithin({ preemptions }: BruteForce, bound: number): readonly string[] {
  return [...preemptions].flatMap(([outcome, least]) => (least <= bound ? [outcome] : [])).sort();
}

function hasTaskWithoutSteps({ tasks }: Program): boolean {
  return tasks.some((steps) => steps.every(({ kind }) => kind === 'barrier'));
}

describe('the programs', () => {
  it('are of every kind', () => {
    const count = (is: (judged: Judged) => boolean): number => programs.filter(is).length;
    const ends = (how: string) => (judged: Judged) => [...judged.truth.outcomes].some((each) => each.startsWith(how));
    const kinds = {
      tso: count(({ program }) => program.memoryModel === 'x86-tso'),
      device: count(({ program }) => program.device !== undefined),
      engine: count(({ program }) => program.engine !== undefined),
      optional: count(({ program }) => program.optional !== undefined),
      three: count(({ program }) => program.tasks.length === 3),
      stuck: count(ends('stuck')),
      stopped: count(ends('stops')),
      goesOn: count(({ truth }) => [...truth.broken].some((each) => each.startsWith('goes-on'))),
      windowsMatter: count(({ truth, truthInWindows }) => truth.outcomes.size > truthInWindows.outcomes.size),
    };
    for (const [kind, number] of Object.entries(kinds)) {
      expect(number, kind).toBeGreaterThan(20);
    }
  });
});

describe('a search', () => {
  it.each([
    ['with reduction', whole],
    ['without reduction', unreduced],
    ['that keeps windows, where there are none', { ...whole, keepsWindows: true }],
  ])('%s finds what brute force finds', (_, options) => {
    for (const { seed, program, truth } of programs) {
      const found = searched(program, everyOrder, options);
      expectSame(found, truth, seed);
      expect(found.progress).toMatchObject({ isBounded: false, cutShort: '', fractionDone: 1 });
    }
  });

  it.each([
    ['with reduction', whole],
    ['without reduction', unreduced],
    ['that keeps windows', { ...whole, keepsWindows: true }],
    ['with few preemptions', { ...whole, maxPreemptions: 1 }],
  ])('%s counts the same by fingerprints and by whole states', (_, options) => {
    for (const { program } of programs) {
      const { progress } = searched(program, inWindows, options);
      const exact = searched(program, inWindows, { ...options, isExact: true });
      expect(exact.progress).toEqual({ ...progress, tableBytes: exact.progress.tableBytes, collisions: 0 });
    }
  });

  it('takes no more steps with reduction than without, and leaves no state out', () => {
    let [withReduction, without] = [0, 0];
    for (const { program } of programs) {
      const [reduced, all] = [searched(program, everyOrder, whole), searched(program, everyOrder, unreduced)];
      expect(reduced.progress.states).toBe(all.progress.states);
      expect(reduced.progress.transitions).toBeLessThanOrEqual(all.progress.transitions);
      withReduction += reduced.progress.transitions;
      without += all.progress.transitions;
    }
    expect(withReduction).toBeLessThan(0.9 * without);
  });

  it('keeps exactly the orders of narrow windows, or all of them', () => {
    for (const { seed, program, truth, truthInWindows } of programs) {
      expectSame(searched(program, inWindows, { ...whole, keepsWindows: true }), truthInWindows, seed);
      const all = searched(program, inWindows, whole);
      expectSame(all, truth, seed);
      expect([...all.outcomes], `outcomes of program ${seed}`).toEqual(
        expect.arrayContaining([...truthInWindows.outcomes]),
      );
    }
  });

  it.each([
    ['every order', false],
    ['the orders of narrow windows', true],
  ])('with a bound finds what takes at most so many preemptions: %s', (_, keepsWindows) => {
    for (const { seed, program, ...truths } of programs) {
      const truth = keepsWindows ? truths.truthInWindows : truths.truth;
      for (let maxPreemptions = 0; ; maxPreemptions += 1) {
        const found = searched(program, inWindows, { ...whole, keepsWindows, maxPreemptions });
        const within = outcomesWithin(truth, maxPreemptions);
        expect([...found.outcomes].sort(), `program ${seed}, bound ${maxPreemptions}`).toEqual(within);
        if (!found.progress.isBounded) {
          expectSame(found, truth, seed);
          break;
        }
      }
    }
  });

  it.each([
    ['every order', everyOrder, whole],
    ['the orders of narrow windows', inWindows, { ...whole, keepsWindows: true }],
    ['orders with no preemption', everyOrder, { ...whole, maxPreemptions: 0 }],
  ])('gives a schedule that breaks the rule again: %s', (_, worldOptions, options) => {
    for (const { seed, program } of programs) {
      for (const [name, schedule] of searched(program, worldOptions, options).schedules) {
        const follow = new PathScheduler(schedule);
        const outcome = new ProgramWorld(program, worldOptions).kernel.run(follow);
        expect(outcome.violations.map(nameOf), `violations of program ${seed}`).toContain(name);
        expect(follow.isPossible).toBe(true);
        expect(outcome.events).toBeGreaterThanOrEqual(schedule.steps.length);
      }
    }
  });

  it('finds the same where bodies are made again from checkpoints', () => {
    for (const { seed, program, truth } of programs) {
      expectSame(searched(program, { ...everyOrder, hasCheckpoints: true }, whole), truth, seed);
      expectSame(searched(program, { ...everyOrder, hasCheckpoints: true }, unreduced), truth, seed);
    }
  });

  it('finds every state of worlds that never end, with reduction too', () => {
    const endless = { ...everyOrder, hasCheckpoints: true, isEndless: true };
    for (const { seed, program } of programs) {
      if (!hasTaskWithoutSteps(program)) {
        const [reduced, all] = [searched(program, endless, whole), searched(program, endless, unreduced)];
        expect(reduced.progress.states, `states of program ${seed}`).toBe(all.progress.states);
        expectSame(reduced, all, seed);
      }
    }
  });

  it('finds the same whether a process keeps what it knows in its history or in the arena', () => {
    for (const { seed, program, truth } of programs.filter(({ program: { device } }) => device !== undefined)) {
      expectSame(searched(program, { ...everyOrder, hasLocals: false }, whole), truth, seed);
    }
  });
});

describe('source-DPOR', () => {
  it('finds what brute force finds, in fewer executions', () => {
    let [executions, schedules] = [0, 0];
    for (const { seed, program, truth } of programs) {
      const found = searchedByRaces(program, everyOrder);
      expectSame(found, truth, seed);
      expect(found.progress).toMatchObject({ cutShort: '', fractionDone: 1 });
      executions += found.progress.executions;
      schedules += truth.schedules;
    }
    expect(executions).toBeLessThan(0.15 * schedules);
  });
});
