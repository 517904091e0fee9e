import { type Command, Option } from 'commander';
import { parseCount } from './arguments.ts';
import type { ExitCode } from './exit-codes.ts';
import type { CliIo } from './io.ts';
import type { Library } from './library.ts';
import { type LitmusModel, litmusModels } from './litmus-results.ts';

interface LitmusFlags {
  readonly arch?: LitmusModel;
  readonly maxStates?: number;
  readonly json?: true;
  readonly verbose?: true;
}

export interface LitmusPorts {
  readonly io: CliIo;
  readonly library: Library;
  readonly finish: (work: Promise<ExitCode>) => Promise<void>;
  readonly help: string;
}

export function addLitmus(program: Command, { io, library, finish, help }: LitmusPorts): void {
  const litmus = async (paths: readonly string[], flags: LitmusFlags): Promise<ExitCode> => {
    const [{ litmusCommand }, parts] = await Promise.all([import('./commands/litmus.ts'), library.litmus()]);
    const { arch, maxStates } = flags;
    return litmusCommand(
      { paths, arch, maxStates, json: flags.json === true, verbose: flags.verbose === true },
      io,
      parts,
    );
  };
  program
    .command('litmus')
    .description('Run litmus tests of x86, RISC-V, AArch64 or C under their memory models.')
    .argument('<path...>', 'litmus tests, or folders to search for *.litmus')
    .addOption(new Option('--arch <model>', 'the machine of C tests (default: portable)').choices(litmusModels))
    .option('--max-states <n>', 'states of the machine after which a test is incomplete', parseCount)
    .option('--json', 'print one JSON document')
    .option('--verbose', 'print the final states of every test, however many there are')
    .addHelpText('after', help)
    .action((paths: string[], options: LitmusFlags) => finish(litmus(paths, options)));
}
