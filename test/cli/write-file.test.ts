import { existsSync, lstatSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { assertWritable, writeWholeFile } from '../../cli/write-file.ts';
import { CliWorld } from './cli-world.ts';

const world = new CliWorld();
afterAll(() => world.remove());

describe('writeWholeFile', () => {
  it('makes a file, or puts another in its place', () => {
    const path = world.path('out.txt');
    writeWholeFile(path, 'one');
    writeWholeFile(path, 'two');
    expect(readFileSync(path, 'utf8')).toBe('two');
  });

  it('changes the file behind a link, and the link stays', () => {
    const path = world.write('real.txt', 'old');
    symlinkSync(path, world.path('link.txt'));
    writeWholeFile(world.path('link.txt'), 'new');
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(lstatSync(world.path('link.txt')).isSymbolicLink()).toBe(true);
  });

  it('puts no file in the place of a device', () => {
    writeWholeFile('/dev/null', 'gone');
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('leaves the old file and nothing else when it cannot write', () => {
    const path = world.write('folder/file.txt', 'old');
    // A folder in the way of the temporary file fails for every user, root too.
    world.write(`folder/file.txt.tmp-${process.pid}/x`, '');
    expect(() => writeWholeFile(path, 'new')).toThrow('cannot write');
    expect(readFileSync(path, 'utf8')).toBe('old');
  });
});

describe('assertWritable', () => {
  it('refuses a folder and a place that is not there', () => {
    expect(() => assertWritable(world.folder)).toThrow('is a folder');
    expect(() => assertWritable(world.path('no/out.txt'))).toThrow('its folder is not there');
    expect(() => assertWritable(world.path('new.txt'))).not.toThrow();
    expect(existsSync(world.path('new.txt'))).toBe(false);
  });
});
