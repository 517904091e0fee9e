import { closeSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CommandError, fileErrorReason } from './command-error.ts';
import { exitCodes } from './exit-codes.ts';
import { printableText } from './wrap-text.ts';

/** Refuses a path that cannot be written before hours are spent on what should go there. */
export function assertWritable(path: string): void {
  const folder = statSync(dirname(path), { throwIfNoEntry: false });
  if (folder?.isDirectory() !== true) {
    throw cannotWrite(path, 'its folder is not there');
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw cannotWrite(path, 'is a folder');
  }
}

/** Writes a whole file or none: a temporary name in the same folder first, then a rename. */
export function writeWholeFile(path: string, text: string): void {
  try {
    const target = statSync(path, { throwIfNoEntry: false });
    if (target !== undefined && !target.isFile()) {
      // A pipe or a device such as /dev/null: a rename would put a file in its place.
      writeFileSync(path, text);
      return;
    }
    // A link stays one: it is the file behind it that changes.
    replaceFile(target === undefined ? path : realpathSync(path), text);
  } catch (error) {
    const reason = fileErrorReason(error);
    throw reason === undefined ? error : cannotWrite(path, reason);
  }
}

function replaceFile(path: string, text: string): void {
  const temporary = `${path}.tmp-${process.pid}`;
  const file = openSync(temporary, 'wx');
  try {
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function cannotWrite(path: string, reason: string): CommandError {
  return new CommandError(exitCodes.usage, `cannot write ${printableText(path)}: ${reason}`);
}
