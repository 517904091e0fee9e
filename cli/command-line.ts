import { InternalError } from '../sim/assert.ts';
import { CommandError } from './command-error.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import type { CliIo } from './io.ts';
import { type Library, library as ownLibrary } from './library.ts';
import { toolInfo } from './package-info.ts';
import { runProgram } from './program.ts';
import { printableText, wrapText } from './wrap-text.ts';

/** The whole program: arguments in, text out, an exit code back; it never ends the process. */
export async function main(argv: readonly string[], io: CliIo, library: Library = ownLibrary): Promise<ExitCode> {
  try {
    return await runProgram(argv, { io, library });
  } catch (error) {
    if (error instanceof CommandError) {
      io.stderr.write(`tornread: error: ${error.message}\n`);
      return error.exitCode;
    }
    io.stderr.write(internalErrorText(error, argv));
    return exitCodes.internal;
  }
}

/** What the user needs to report our mistake, and the stack only for those who ask. */
function internalErrorText(error: unknown, argv: readonly string[]): string {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const { name, version } = toolInfo();
  const kind = error instanceof InternalError ? '' : ' It should not happen with any input.';
  const text =
    `tornread: internal error: ${message}. This is a fault of tornread, not of your scenario.${kind} ` +
    `Please report it with this text, the scenario, and what was run: ${name} ${version}, ` +
    `node ${process.version}, arguments: ${argv.join(' ')}`;
  const stack = argv.includes('--debug') && error instanceof Error ? `${error.stack}\n` : '';
  return `${wrapText(printableText(text), 80, 0).join('\n')}\n${stack}`;
}
