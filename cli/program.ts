import { availableParallelism } from 'node:os';
import { Command, CommanderError, Option } from 'commander';
import { defaultDepth, type SeededStrategy, type Strategy, seededStrategies } from '../scenarios/strategy-names.ts';
import {
  collect,
  parseChoices,
  parseCount,
  parseDepth,
  parseDigest,
  parseJobs,
  parseSeconds,
  parseSeed,
} from './arguments.ts';
import type { ResultOutput } from './case-results.ts';
import { CommandError } from './command-error.ts';
import type { CatalogTable } from './commands/list.ts';
import { type ExitCode, exitCodes, exitCodesHelp } from './exit-codes.ts';
import type { CliIo } from './io.ts';
import type { Library } from './library.ts';
import { addLitmus } from './litmus-program.ts';
import type { RunChoice } from './open-run.ts';
import { toolInfo } from './package-info.ts';
import { defaultShrinkTimeS } from './shrink-budget.ts';

interface Ports {
  readonly io: CliIo;
  readonly library: Library;
}

const helpWidth = 80;

/** Parses the command line, does what it says, and gives the exit code. */
export async function runProgram(argv: readonly string[], ports: Ports): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.asExpected;
  const program = buildProgram(ports, async (work) => {
    exitCode = await work;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has printed its message; help that was asked for is no error.
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.asExpected : exitCodes.usage;
    }
    throw error;
  }
}

type Finish = (work: Promise<ExitCode>) => Promise<void>;

function buildProgram({ io, library }: Ports, finish: Finish): Command {
  const program = new Command('tornread')
    .description('Shows the schedule in which an IOMMU update sequence goes wrong.')
    .version(toolInfo().version, '--version', 'print the version')
    .option('--debug', 'print the stack of an internal error')
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', `\n${exitCodesHelp}`)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error:/, 'tornread: error:')),
      // The same text on every machine.
      getOutHelpWidth: () => helpWidth,
      getErrHelpWidth: () => helpWidth,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  addRun(program, { io, library }, finish);
  addExplore(program, { io, library }, finish);
  addReplay(program, { io, library }, finish);
  addShrink(program, { io, library }, finish);
  addList(program, { io, library }, finish);
  addCheck(program, { io, library }, finish);
  addLitmus(program, {
    io,
    library,
    finish,
    help: examples(['litmus MP.litmus', 'litmus litmus/corpus/c --arch armv8']),
  });
  addSchema(program, { io, library }, finish);
  return program;
}

const pathArgument = 'scenario files, or folders to search for *.yaml (default: scenarios/, or those of the package)';

function addRun(program: Command, { io, library }: Ports, finish: Finish): void {
  program
    .command('run')
    .description('Run every case under many schedules and compare with what is expected of it.')
    .argument('[path...]', pathArgument)
    .option('--case <name>', 'only this case, or all whose name begins with these parts (repeatable)', collect)
    .option('--seeds <n>', 'runs of each case (default: what the case says)', parseCount)
    .option('--seed <s>', 'seed of the first run, decimal or 0x... (default: 0)', parseSeed)
    .addOption(strategyOption([...seededStrategies, 'recheck', 'exhaustive']).default('portfolio'))
    .addOption(depthOption())
    .option('--max-events <n>', 'steps of a run after which it is inconclusive', parseCount)
    .option('-j, --jobs <n>', 'worker processes (default: one for each core)', parseJobs)
    .option('--run-timeout <s>', 'seconds after which a worker gives a run up (default: 30)', parseSeconds)
    .option('--no-shrink', 'show failing runs as they were found')
    .addOption(shrinkTimeOption())
    .option('--json', 'print one JSON document')
    .addOption(new Option('--quiet', 'print only what is not as expected').conflicts('verbose'))
    .option('--verbose', 'list every case on its own, and print every picture')
    .option('--trace <file>', 'write the first violating run of each case as JSON Lines')
    .addHelpText('after', examples(['run', 'run scenarios/vtd --seeds 10000', 'run x.yaml --case clear-first --json']))
    .action((paths: string[], options: RunFlags) => finish(run(paths, options, { io, library })));
}

/** A run takes milliseconds; the longest ones, bounded by their limits, seconds. */
const defaultRunTimeoutS = 30;

interface RunFlags extends OutputFlags {
  readonly case?: readonly string[];
  readonly seeds?: number;
  readonly seed?: bigint;
  readonly strategy: Strategy | 'exhaustive';
  readonly depth?: number;
  readonly maxEvents?: number;
  readonly jobs?: number;
  readonly runTimeout?: number;
  readonly trace?: string;
}

async function run(paths: readonly string[], flags: RunFlags, { io, library }: Ports): Promise<ExitCode> {
  const { case: caseNames = [], seeds: runs, seed: firstSeed, strategy, depth, maxEvents, trace } = flags;
  if (strategy === 'exhaustive') {
    if ([runs, firstSeed, depth, trace].some((given) => given !== undefined)) {
      throw new CommandError(
        exitCodes.usage,
        '--strategy exhaustive has no use for --seeds, --seed, --depth or --trace',
      );
    }
    return explore(paths, { ...flags, reduction: true }, { io, library });
  }
  const [{ runCommand }, simulator] = await Promise.all([import('./commands/run.ts'), library.simulator()]);
  const { jobs = availableParallelism(), runTimeout = defaultRunTimeoutS } = flags;
  const settings = { strategy, depth, runs, firstSeed: firstSeed ?? 0n, maxEvents };
  const workers = { jobs, runTimeoutMs: runTimeout * 1000 };
  return runCommand({ paths, caseNames, ...settings, ...workers, ...outputOf(flags), trace }, io, simulator);
}

interface OutputFlags {
  readonly shrink: boolean;
  readonly shrinkTime: number;
  readonly json?: true;
  readonly quiet?: true;
  readonly verbose?: true;
}

function outputOf({ json, quiet, verbose, shrink: shrinks, shrinkTime }: OutputFlags): ResultOutput {
  const shrinkTimeS = shrinks ? shrinkTime : undefined;
  return { json: json === true, quiet: quiet === true, verbose: verbose === true, shrinkTimeS };
}

function addExplore(program: Command, { io, library }: Ports, finish: Finish): void {
  program
    .command('explore')
    .description('Search every order of every case: a case that holds is then proved.')
    .argument('[path...]', pathArgument)
    .option('--case <name>', 'only this case, or all whose name begins with these parts (repeatable)', collect)
    .option('--max-preemptions <k>', 'only orders that leave a task which could go on at most k times', parseCount)
    .option('--max-executions <n>', 'executions after which a case is inconclusive', parseCount)
    .option('--time-budget <s>', 'seconds after which a case is inconclusive', parseSeconds)
    .option('--max-events <n>', 'steps of an execution after which the case is inconclusive', parseCount)
    .option('--no-reduction', 'take also orders that differ only in steps which do not touch each other')
    .option('--exact', 'keep whole states, not fingerprints: slow, for small cases')
    .addOption(
      new Option('--dpor', 'keep no states: for cases whose orders never come together').conflicts([
        'maxPreemptions',
        'exact',
      ]),
    )
    .option('--all', 'search also the cases that their files mark as sampled')
    .option('-j, --jobs <n>', 'worker processes (default: one for each core)', parseJobs)
    .option('--no-shrink', 'show failing runs as they were found')
    .addOption(shrinkTimeOption())
    .option('--json', 'print one JSON document')
    .addOption(new Option('--quiet', 'print only what is not as expected').conflicts('verbose'))
    .option('--verbose', 'list every case on its own, and print every picture')
    .addHelpText('after', examples(['explore', 'explore scenarios/vtd --json', 'explore x.yaml --case clear-first']))
    .action((paths: string[], options: ExploreFlags) => finish(explore(paths, options, { io, library })));
}

interface ExploreFlags extends OutputFlags {
  readonly case?: readonly string[];
  readonly maxPreemptions?: number;
  readonly maxExecutions?: number;
  readonly timeBudget?: number;
  readonly maxEvents?: number;
  readonly reduction: boolean;
  readonly exact?: true;
  readonly dpor?: true;
  readonly all?: true;
  readonly jobs?: number;
}

async function explore(paths: readonly string[], flags: ExploreFlags, { io, library }: Ports): Promise<ExitCode> {
  const [{ exploreCommand }, simulator] = await Promise.all([import('./commands/explore.ts'), library.simulator()]);
  const { case: caseNames = [], maxPreemptions, maxExecutions, timeBudget: timeBudgetSeconds, maxEvents } = flags;
  const bounds = { maxPreemptions, maxExecutions, timeBudgetSeconds, maxEvents };
  if (flags.dpor === true && !flags.reduction) {
    throw new CommandError(exitCodes.usage, '--dpor is a reduction, and --no-reduction wants none: give one of them');
  }
  const { jobs = availableParallelism() } = flags;
  const how = {
    reduces: flags.reduction,
    isExact: flags.exact === true,
    usesDpor: flags.dpor === true,
    all: flags.all === true,
    jobs,
  };
  return exploreCommand({ paths, caseNames, ...bounds, ...how, ...outputOf(flags) }, io, simulator);
}

/** A command about one run: of a scenario by seed or choices, or of a recording. */
function oneRunCommand(program: Command, name: string): Command {
  return program
    .command(name)
    .argument('<file>', 'a scenario, or a recording (.json) that --save wrote')
    .option('--case <name>', 'which case of the scenario')
    .option('--seed <s>', 'the seed of the run, decimal or 0x...', parseSeed)
    .option('--choices <list>', 'the choices of the run, as a report prints them', parseChoices)
    .addOption(strategyOption(seededStrategies))
    .addOption(depthOption())
    .option('--max-events <n>', 'steps after which the run is inconclusive', parseCount)
    .option('--recorded', 'run the scenario in the recording, even if its file has changed since');
}

interface OneRunFlags {
  readonly case?: string;
  readonly seed?: bigint;
  readonly choices?: string;
  readonly strategy?: SeededStrategy;
  readonly depth?: number;
  readonly maxEvents?: number;
  readonly recorded?: true;
}

function runChoice(file: string, { case: caseName, recorded, ...flags }: OneRunFlags): RunChoice {
  const { seed, choices, strategy, depth, maxEvents } = flags;
  return { file, caseName, seed, choices, strategy, depth, maxEvents, recorded: recorded === true };
}

function addReplay(program: Command, { io, library }: Ports, finish: Finish): void {
  oneRunCommand(program, 'replay')
    .description('Run one schedule again and show what happens.')
    .option('--digest <d>', 'fail if the digest of the run is another', parseDigest)
    .option('--full', 'print every event, one line each')
    .option('--flip', 'show which two steps, turned round, would make a failing run hold')
    .option('--json', 'print one JSON document')
    .option('--trace <file>', 'write the run as JSON Lines')
    .option('--save <file>', 'write a recording')
    .addHelpText('after', examples(['replay x.yaml --case clear-first --seed 0x11', 'replay race.json --full']))
    .action((file: string, options: ReplayFlags) => finish(replay(file, options, { io, library })));
}

interface ReplayFlags extends OneRunFlags {
  readonly digest?: string;
  readonly full?: true;
  readonly flip?: true;
  readonly json?: true;
  readonly trace?: string;
  readonly save?: string;
}

async function replay(file: string, flags: ReplayFlags, { io, library }: Ports): Promise<ExitCode> {
  const [{ replayCommand }, simulator] = await Promise.all([import('./commands/replay.ts'), library.simulator()]);
  const { digest, trace, save } = flags;
  const output = { json: flags.json === true, full: flags.full === true, flip: flags.flip === true, trace, save };
  return replayCommand({ ...runChoice(file, flags), digest, ...output }, io, simulator);
}

function addShrink(program: Command, { io, library }: Ports, finish: Finish): void {
  oneRunCommand(program, 'shrink')
    .description('Find the shortest schedule that fails as a run does.')
    .option('--rule <name>', 'the rule to keep broken (default: the one that ended the run)')
    .addOption(shrinkTimeOption())
    .option('--json', 'print one JSON document')
    .option('--save <file>', 'write the shortest run as a recording')
    .addHelpText('after', examples(['shrink x.yaml --case clear-first --seed 0x11 --save race.json']))
    .action((file: string, options: ShrinkFlags) => finish(shrink(file, options, { io, library })));
}

interface ShrinkFlags extends OneRunFlags {
  readonly rule?: string;
  readonly shrinkTime: number;
  readonly json?: true;
  readonly save?: string;
}

async function shrink(file: string, flags: ShrinkFlags, { io, library }: Ports): Promise<ExitCode> {
  const [{ shrinkCommand }, simulator] = await Promise.all([import('./commands/shrink.ts'), library.simulator()]);
  const { rule, shrinkTime: shrinkTimeS, save } = flags;
  return shrinkCommand(
    { ...runChoice(file, flags), rule, shrinkTimeS, json: flags.json === true, save },
    io,
    simulator,
  );
}

function shrinkTimeOption(): Option {
  return new Option('--shrink-time <s>', 'seconds to spend on making a failing run shorter')
    .argParser(parseSeconds)
    .default(defaultShrinkTimeS);
}

function addList(program: Command, { io, library }: Ports, finish: Finish): void {
  program
    .command('list')
    .description('List scenarios with their cases, or the names to write scenarios with.')
    .argument('[path...]', pathArgument)
    .option('--rules', 'the rules a run can break')
    .option('--flows', 'the driver flows, with their parameters')
    .option('--reach', 'the states that a case can insist on')
    .option('--barriers', 'what kernel barriers and accesses are on each machine')
    .option('--json', 'print one JSON document')
    .addHelpText('after', examples(['list', 'list --flows']))
    .action((paths: string[], options: ListFlags) => finish(list(paths, options, { io, library })));
}

type ListFlags = { readonly [K in CatalogTable | 'json']?: true };

async function list(paths: readonly string[], flags: ListFlags, { io, library }: Ports): Promise<ExitCode> {
  const { listCommand } = await import('./commands/list.ts');
  const tables = (['rules', 'flows', 'reach', 'barriers'] as const).filter((table) => flags[table] === true);
  return listCommand({ paths, tables, json: flags.json === true }, io, library);
}

function addCheck(program: Command, { io, library }: Ports, finish: Finish): void {
  const check = async (paths: readonly string[]): Promise<ExitCode> => {
    const [{ checkCommand }, simulator] = await Promise.all([import('./commands/check.ts'), library.simulator()]);
    return checkCommand(paths, io, simulator);
  };
  program
    .command('check')
    .description('Read scenarios and say what is wrong with them; nothing is run.')
    .argument('[path...]', pathArgument)
    .addHelpText('after', examples(['check', 'check my-scenario.yaml']))
    .action((paths: string[]) => finish(check(paths)));
}

function addSchema(program: Command, { io, library }: Ports, finish: Finish): void {
  const schema = async (): Promise<ExitCode> => {
    const [{ schemaCommand }, jsonSchema] = await Promise.all([import('./commands/schema.ts'), library.jsonSchema()]);
    return schemaCommand(jsonSchema, io);
  };
  program
    .command('schema')
    .description('Print the JSON Schema of scenario files.')
    .addHelpText('after', examples(['schema > tornread.schema.json']))
    .action(() => finish(schema()));
}

function strategyOption(names: readonly string[]): Option {
  return new Option('--strategy <name>', 'how schedules are made').choices(names);
}

function depthOption(): Option {
  return new Option(
    '--depth <d>',
    `of --strategy pct: steps whose order makes the bug (default: ${defaultDepth})`,
  ).argParser(parseDepth);
}

function examples(commands: readonly string[]): string {
  return ['', 'Examples:', ...commands.map((command) => `  tornread ${command}`), '', exitCodesHelp].join('\n');
}
