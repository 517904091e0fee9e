import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import { documentText } from '../json-document.ts';

/** `tornread schema`: what editors complete and check scenario files with. */
export function schemaCommand(schema: object, io: CliIo): ExitCode {
  io.stdout.write(documentText(schema));
  return exitCodes.asExpected;
}
