import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { campaignCommand, commandText, replayCommand } from '../../cli/command-text.ts';

const run = {
  file: 'scenarios/vtd/x.yaml',
  case: 'clear-first.any',
  seed: '0x11',
  strategy: 'portfolio',
  depth: null,
  maxEvents: undefined,
};

describe('the command that repeats a run', () => {
  it('is copied as it stands', () => {
    expect(replayCommand(run)).toBe('npx tornread replay scenarios/vtd/x.yaml --case clear-first.any --seed 0x11');
  });

  it('says what differs from the defaults', () => {
    expect(replayCommand({ ...run, strategy: 'timed', maxEvents: 90 })).toMatch(/ --strategy timed --max-events 90$/);
  });

  it('says the depth of PCT where it is not the default', () => {
    expect(replayCommand({ ...run, strategy: 'pct', depth: 2 })).toMatch(/ --strategy pct$/);
    expect(replayCommand({ ...run, strategy: 'pct', depth: 3 })).toMatch(/ --strategy pct --depth 3$/);
  });

  it('of a recheck is that of the schedule it checked', () => {
    expect(replayCommand({ ...run, strategy: 'recheck' })).toBe(replayCommand(run));
  });

  it('of a campaign has the number of runs', () => {
    expect(campaignCommand({ ...run, seed: '0x0', runs: 1000 })).toBe(
      'npx tornread run scenarios/vtd/x.yaml --case clear-first.any --seed 0x0 --seeds 1000',
    );
  });

  it('never makes an option of a file', () => {
    expect(replayCommand({ ...run, file: '-x.yaml' })).toContain('replay ./-x.yaml ');
  });
});

describe('a word of a command', () => {
  it.each([
    ['a b', "'a b'"],
    ["it's", "'it'\\''s'"],
    ['$(rm)', "'$(rm)'"],
    ['a\nb', "$'a\\x0ab'"],
    ['', "''"],
  ])('%j is written %s', (word, written) => {
    expect(commandText([word])).toBe(`npx tornread ${written}`);
  });

  it('comes back from a shell as it was', () => {
    const word = fc.string({
      unit: fc.oneof(fc.constantFrom(...'\'"$\\`!*? \n\t\x1b;&|<>()#~é'), fc.string({ maxLength: 1 })),
    });
    const words = fc.sample(word, { seed: 1, numRuns: 200 }).filter((each) => !each.includes('\0'));
    const script = words
      .map((each) => `printf '%s\\0' ${commandText([each]).slice('npx tornread '.length)}`)
      .join('\n');
    const printed = execFileSync('bash', ['-c', script], { encoding: 'utf8' });
    expect(printed.split('\0').slice(0, -1)).toEqual(words);
  });
});

describe('the command for a run that a search found', () => {
  const run = { file: 'x.yaml', case: 'a', seed: '', strategy: 'exhaustive', depth: null, maxEvents: undefined };

  it('has its choices where they fit a line, and is the search itself where they do not', () => {
    expect(replayCommand({ ...run, choices: 'w:0.1' })).toBe('npx tornread replay x.yaml --case a --choices w:0.1');
    expect(replayCommand({ ...run, choices: `w:${'0.'.repeat(80)}1` })).toBe('npx tornread explore x.yaml --case a');
  });
});
