import { describe, expect, it } from 'vitest';
import type { MemoryModelName } from '../../../models/memory/memory-model.ts';
import { bruteForce, searched, searchedByRaces, type Verdict } from '../../support/exploration-judge.ts';
import type { ProgramWorldOptions } from '../../support/program-world.ts';
import { type Program, randomProgram } from '../../support/random-programs.ts';

// The weak models have views, choices of values and stores that leave the buffer out of order in the arena: searches have
// to get them right as well. Brute force over all schedules is the judge; it uses no footprints and keeps no states.

const models: readonly MemoryModelName[] = ['rvwmo', 'armv8', 'portable', 'non-mca'];
const programsPerModel = 15;
const maxSchedules = 2000;
const everyOrder: ProgramWorldOptions = {
  hasWindows: false,
  hasCheckpoints: false,
  isEndless: false,
  hasLocals: true,
};
const whole = { reduces: true, keepsWindows: false, isExact: false, maxPreemptions: undefined };

function smallPrograms(model: MemoryModelName): readonly { seed: number; program: Program; truth: Verdict }[] {
  const programs: { seed: number; program: Program; truth: Verdict }[] = [];
  for (let seed = 0; programs.length < programsPerModel; seed += 1) {
    const drawn = randomProgram(seed);
    // The engine of these programs writes beside memory, which the write history would not see.
    if (drawn.engine === undefined && drawn.tasks.length <= 2) {
      const program = { ...drawn, memoryModel: model, tasks: drawn.tasks.map((steps) => steps.slice(0, 3)) };
      const truth = bruteForce(program, everyOrder, maxSchedules);
      if (truth !== undefined && truth.schedules > 100) {
        programs.push({ seed, program, truth });
      }
    }
  }
  return programs;
}

function expectSame(found: Verdict, truth: Verdict, seed: number): void {
  expect([...found.outcomes].sort(), `outcomes of program ${seed}`).toEqual([...truth.outcomes].sort());
  expect([...found.broken].sort(), `broken rules of program ${seed}`).toEqual([...truth.broken].sort());
}

describe.each(models)('under %s', (model) => {
  const programs = smallPrograms(model);

  it('a search finds what brute force finds, with reduction and without', () => {
    for (const { seed, program, truth } of programs) {
      expectSame(searched(program, everyOrder, whole), truth, seed);
      expectSame(searched(program, everyOrder, { ...whole, reduces: false }), truth, seed);
    }
  });

  it('source-DPOR finds what brute force finds', () => {
    for (const { seed, program, truth } of programs) {
      expectSame(searchedByRaces(program, everyOrder), truth, seed);
    }
  });

  it('fingerprints lose no state', () => {
    for (const { program } of programs) {
      const { progress } = searched(program, everyOrder, whole);
      const exact = searched(program, everyOrder, { ...whole, isExact: true });
      expect(exact.progress.states).toBe(progress.states);
      expect(exact.progress.collisions).toBe(0);
    }
  });

  it('finds outcomes that no order of whole stores gives', () => {
    const weaker = programs.filter(
      ({ program, truth }) =>
        searched({ ...program, memoryModel: 'sc' }, everyOrder, whole).outcomes.size < truth.outcomes.size,
    );
    expect(weaker.length).toBeGreaterThan(0);
  });
});
