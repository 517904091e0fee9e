import { afterAll, describe, expect, it } from 'vitest';
import { CliWorld } from './cli-world.ts';
import { changed, messagesOf } from './messages-of.ts';

const world = new CliWorld();
afterAll(() => world.remove());

/** The race with other domains in place of its own. */
function domains(...lines: readonly string[]): string {
  return changed('  a: { stage: first, did: 5, map: { 0x1000: page1 } }', lines.map((line) => `  ${line}`).join('\n'));
}

const first = 'a: { stage: first, did: 5, map: { 0x1000: page1 } }';
const entry = (stage: string, fields: string): string => domains(`a: { stage: ${stage}, did: 5, entry: ${fields} }`);

describe('a domain with a mistake', () => {
  it.each<readonly [string, string, readonly string[]]>([
    [
      'the name that flows have for none',
      domains(first, 'not-present: { stage: first, did: 6 }'),
      ['FILE:9:3: error: "not-present" is no name of a domain'],
    ],
    [
      'tables of a domain that is not there',
      domains(first, 'b: { stage: first, did: 6, sameTables: aa }'),
      ['FILE:9:42: error: unknown domain "aa"', '  hint: known: a, b'],
    ],
    [
      'tables of itself',
      domains(first, 'b: { stage: first, did: 6, sameTables: b }'),
      ['FILE:9:42: error: the tables of "b" would be those of itself', '  hint: let one of the domains have its own'],
    ],
    [
      'tables in a circle',
      domains(first, 'b: { stage: first, did: 6, sameTables: c }', 'c: { stage: first, did: 7, sameTables: b }'),
      [
        'FILE:9:42: error: the tables of "b" would be those of itself',
        '  hint: let one of the domains have its own',
        'FILE:10:42: error: the tables of "c" would be those of itself',
        '  hint: let one of the domains have its own',
      ],
    ],
    [
      'tables beside a circle',
      domains(
        first,
        'b: { stage: nested, did: 6, sameTables: c }',
        'c: { stage: nested, did: 7, sameTables: b }',
        'd: { stage: nested, did: 8, sameTables: { first: b, second: c } }',
      ),
      [
        'FILE:9:43: error: the tables of "b" would be those of itself',
        '  hint: let one of the domains have its own',
        'FILE:10:43: error: the tables of "c" would be those of itself',
        '  hint: let one of the domains have its own',
      ],
    ],
    [
      'tables of another stage',
      domains(first, 'b: { stage: second, did: 6, sameTables: a }'),
      ['FILE:9:43: error: "b" and the domain it names have no stage in common'],
    ],
    [
      'tables of a stage it does not have',
      domains(first, 'b: { stage: second, did: 6, sameTables: { first: a } }'),
      ['FILE:9:43: error: "b" and "a" do not both have a first stage'],
    ],
    [
      'a guest table without a second stage',
      domains(first, 'n: { stage: nested, did: 6 }', 'b: { stage: first, did: 7, sameTables: n }'),
      [
        'FILE:10:42: error: the first-stage table of "n" holds guest addresses, and "b" has no second stage',
        '  hint: let "n" have the tables of "b"',
      ],
    ],
    [
      'a second stage that maps other guest addresses',
      domains(
        first,
        's: { stage: second, did: 6 }',
        'n: { stage: nested, did: 7, sameTables: { first: a, second: s } }',
      ),
      ['FILE:10:43: error: a first stage shared with one that is not nested needs a second stage mapped 1:1'],
    ],
    [
      'shared tables and a map',
      domains(first, 'b: { stage: first, did: 6, sameTables: a, map: { 0x1000: page2 } }'),
      ['FILE:9:45: error: "b" has the tables of "a", with all that is mapped in them', '  hint: map it in "a"'],
    ],
    [
      'a field that no entry has',
      entry('first', '{ SSAD: 1 }'),
      ['FILE:8:39: error: unknown field of a PASID entry "SSAD"', '  hint: did you mean "SSADE"?'],
    ],
    [
      'a field that is said elsewhere',
      entry('first', '{ DID: 6 }'),
      ['FILE:8:39: error: DID is not set here: it is the did of the domain'],
    ],
    ['a value that does not fit', entry('first', '{ WPE: 2 }'), ['FILE:8:44: error: WPE has 1 bit and cannot hold 2']],
    ['a reserved type', entry('first', '{ PGTT: 5 }'), ['FILE:8:45: error: PGTT 5 is reserved']],
    [
      'the type of another stage',
      entry('first', '{ PGTT: 2 }'),
      ['FILE:8:45: error: PGTT 2 is not that of stage first, 1'],
    ],
    [
      'a field the unit does not have',
      entry('first', '{ CD: 1 }'),
      ['FILE:8:43: error: CD is reserved, as the unit does not have MTS'],
    ],
    [
      'tables of another depth',
      entry('second', '{ AW: 3 }'),
      ['FILE:8:44: error: a second-stage table here has four levels, which is AW 2, not 3'],
    ],
    ['a reserved mode', entry('second', '{ FSPM: 2 }'), ['FILE:8:46: error: FSPM 2 is reserved']],
  ])('%s is told with its place', async (name, yaml, messages) => {
    const file = world.write(`domains/${name.replaceAll(/\W+/g, '-')}.yaml`, yaml);
    expect(await messagesOf(world, file)).toEqual(messages);
  });

  it('is none with fields that hardware ignores or that are 0, nor with nothing shared', async () => {
    const yaml = domains(
      'a: { stage: first, did: 5, map: { 0x1000: page1 }, sameTables: {}, entry: { AW: 7, NXE: 1, CD: 0, PGTT: 1 } }',
    );
    expect((await world.run(['check', world.write('good.yaml', yaml)])).exitCode).toBe(0);
  });
});

describe('a flow that writes entries with entry_sync', () => {
  const flow = (values: string): string =>
    changed(
      'flow: vtd/pasid-teardown, with: { device: nic, pasid: 1, domain: a, order: $order }',
      `flow: vtd/entry-sync, with: { device: nic, pasid: 1, ${values} }`,
    ).replaceAll(/order: [a-z-]+, /g, '');

  it.each([
    ['to: not-presen', ['FILE:12:80: error: unknown domain "not-presen"', '  hint: did you mean "not-present"?']],
    ['to: a, quantum: 32', ['FILE:12:92: error: unknown value of quantum "32"', '  hint: known: 64, 128']],
    ['to: a, used: rfcs', ['FILE:12:89: error: unknown value of used "rfcs"', '  hint: did you mean "rfc"?']],
    [
      'to: a, mutant: no-fil-sync',
      ['FILE:12:91: error: unknown value of mutant "no-fil-sync"', '  hint: did you mean "no-fill-sync"?'],
    ],
    ['to: a, from: a', ['FILE:12:83: error: vtd/entry-sync has no parameter "from"', expect.stringContaining('hint')]],
  ])('is refused with %s', async (values, messages) => {
    const file = world.write(`flows/${values.replaceAll(/\W+/g, '-')}.yaml`, flow(values));
    expect(await messagesOf(world, file)).toEqual(messages);
  });

  it('takes numbers for what looks like one, and not-present for a domain', async () => {
    const file = world.write('numbers.yaml', flow('to: not-present, quantum: 64'));
    expect((await world.run(['check', file])).exitCode).toBe(0);
  });
});
