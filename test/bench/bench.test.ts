import { describe, expect, it } from 'vitest';
import { median, race } from './measure.ts';
import { kernelPing, plainHeapPing, typedHeapPing } from './ping.ts';
import { scenarioRuns } from './scenario-runs.ts';

// What is compared has to be the same work. How long it takes is no matter of tests.

describe('the forms of the ping', () => {
  it.each([
    [1, 50],
    [10, 5_000],
    [1_000, 20_000],
  ])('count the same, process by process: N = %i, %i events', (processCount, events) => {
    const forms = [kernelPing(processCount, events), typedHeapPing(processCount), plainHeapPing(processCount)];
    const counts = forms.map((form) => {
      form.run(events);
      form.run(events); // a second run starts from nothing
      return [...form.counts];
    });
    expect(counts[0]?.reduce((sum, n) => sum + n, 0)).toBe(events);
    expect(counts[1]).toEqual(counts[0]);
    expect(counts[2]).toEqual(counts[0]);
  });
});

describe('the runs of the scenario', () => {
  it('take the same steps with the trace off and on', () => {
    const [off, recorded] = scenarioRuns();
    off?.run(50);
    recorded?.run(50);
    expect(off?.events).toBeGreaterThan(50 * 30);
    expect(recorded?.events).toBe(off?.events);
  });
});

describe('a race', () => {
  it('gives each contender as many turns, in changing order, and does not count the first round', () => {
    const turns: string[] = [];
    const contenders = ['a', 'b', 'c'].map((name) => ({
      name,
      work: () => {
        turns.push(name);
        return 1;
      },
    }));
    const rates = race(contenders, 2);
    expect(turns.join('')).toBe('abcbcacab');
    expect(rates.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    for (const { least, perSecond, most } of rates) {
      expect(least).toBeLessThanOrEqual(perSecond);
      expect(perSecond).toBeLessThanOrEqual(most);
    }
  });

  it.each([
    [[], 0],
    [[3], 3],
    [[1, 3], 2],
    [[1, 2, 9], 2],
    [[1, 2, 4, 9], 3],
  ])('takes the median of %j', (sorted, middle) => {
    expect(median(sorted)).toBe(middle);
  });
});
