import type { LitmusOutcome, LitmusState } from '../litmus/explore-litmus.ts';
import type { Architecture, LitmusTest, Observable, Value } from '../litmus/program.ts';
import { wrapText } from './wrap-text.ts';

/** What `--arch` takes: the machines that a C test can run on; `non-mca` is the kernel's own model. */
export const litmusModels = ['sc', 'x86-tso', 'rvwmo', 'armv8', 'portable', 'non-mca'] as const;
export type LitmusModel = (typeof litmusModels)[number];

/** One test that was run. */
export interface LitmusResult {
  readonly test: LitmusTest;
  readonly model: LitmusModel;
  readonly outcome: LitmusOutcome;
  /** What the kernel's own model says besides; only for C tests under `portable`. */
  readonly warning: string | undefined;
}

/** The model of an architecture's machines; C has the one that is asked for. */
export const ownModels: Readonly<Record<Exclude<Architecture, 'c'>, LitmusModel>> = {
  x86: 'x86-tso',
  riscv: 'rvwmo',
  aarch64: 'armv8',
};

const architectureNames: Readonly<Record<Architecture, string>> = {
  x86: 'x86',
  riscv: 'RISC-V',
  aarch64: 'AArch64',
  c: 'C',
};

export function architectureName({ architecture }: LitmusTest): string {
  return architectureNames[architecture];
}

/**
 * What stores that reach the CPUs one by one change (the kernel's own model; not a machine that Linux runs on here):
 * undefined if nothing.
 */
export function warningOf(test: LitmusTest, portable: LitmusOutcome, own: LitmusOutcome): string | undefined {
  const isSafe = 'safe on x86, Armv8 and RISC-V, whose stores reach all CPUs at once';
  if (own.verdict === portable.verdict) {
    return own.complete ? undefined : `${isSafe}; the kernel's own model was not searched to the end`;
  }
  const isNever = portable.verdict === 'Never';
  const witness = own.states.find(({ holds }) => holds === isNever);
  const state = witness === undefined ? '' : `: ${stateText(test, own.observables, witness)}`;
  return `${isSafe}; the kernel's own model does not promise that${state}`;
}

/** `0:r0=1; x=2;`, as herd has it. */
function stateText(test: LitmusTest, observables: readonly Observable[], state: LitmusState): string {
  return observables
    .map((observable, i) => `${observable.text}=${valueText(test, observable, state.values[i])};`)
    .join(' ');
}

function valueText(test: LitmusTest, observable: Observable, value: Value | undefined): string {
  const shown = shownValue(test, observable, value);
  return typeof shown === 'string' ? shown : shown.toString();
}

/** A number with its sign, or the name of the location whose address it is. */
function shownValue(test: LitmusTest, observable: Observable, value: Value | undefined): bigint | string {
  if (value === undefined) return '?';
  if (value.kind === 'address') return test.locations[value.location]?.name ?? '?';
  const bits = observable.kind === 'location' ? (test.locations[observable.location]?.widthBits ?? 64) : 64;
  return BigInt.asIntN(bits, value.value);
}

/** What herd prints for a test, with numbers of states where herd counts executions. */
export function herdText({ test, outcome, warning }: LitmusResult): string {
  const { condition, name } = test;
  const { states, observables, verdict } = outcome;
  const positive = states.filter(({ holds }) => holds).length;
  return [
    `Test ${name} ${kinds[condition.quantifier]}`,
    `States ${states.length}`,
    ...states.map((state) => stateText(test, observables, state)),
    isValid(condition.quantifier, positive, states.length) ? 'Ok' : 'No',
    'Witnesses',
    `Positive: ${positive} Negative: ${states.length - positive}`,
    `Condition ${condition.text}`,
    `Observation ${name} ${verdict} ${positive} ${states.length - positive}`,
    ...(outcome.complete ? [] : [incompleteText(outcome)]),
    ...(warning === undefined ? [] : wrapText(`Warning: ${warning}`, textWidth)),
  ].join('\n');
}

const textWidth = 100;

function incompleteText({ stateCount }: LitmusOutcome): string {
  return `Incomplete: the search ended at its limit of ${stateCount} states of the machine; there may be more final states`;
}

const kinds = { exists: 'Allowed', '~exists': 'Forbidden', forall: 'Required' } as const;

function isValid(quantifier: keyof typeof kinds, positive: number, all: number): boolean {
  switch (quantifier) {
    case 'exists':
      return positive > 0;
    case '~exists':
      return positive === 0;
    case 'forall':
      return positive === all;
  }
}

/** One line for each test. */
export function litmusTable(results: readonly LitmusResult[]): string {
  const rows = results.map(({ test, model, outcome }) => [
    test.name,
    architectureName(test),
    model,
    String(outcome.states.length),
    outcome.complete ? outcome.verdict : `${outcome.verdict}, incomplete`,
  ]);
  const head = ['test', 'arch', 'model', 'states', 'verdict'];
  const widths = head.map((title, i) => Math.max(...[head, ...rows].map((row) => row[i]?.length ?? title.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 3 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join(' ')
      .trimEnd();
  return [
    line(head),
    ...rows.flatMap((row, i) => {
      const warning = results[i]?.warning;
      return [line(row), ...(warning === undefined ? [] : warningLines(warning))];
    }),
  ].join('\n');
}

function warningLines(warning: string): readonly string[] {
  return wrapText(`warning: ${warning}`, textWidth - 2).map((line) => `  ${line}`);
}

/** How many of each verdict. */
export function verdictCounts(results: readonly LitmusResult[]): readonly string[] {
  return (['Never', 'Sometimes', 'Always'] as const).flatMap((verdict) => {
    const count = results.filter(({ outcome }) => outcome.verdict === verdict).length;
    return count === 0 ? [] : [`${count} ${verdict}`];
  });
}

export function litmusJson({ test, model, outcome, warning }: LitmusResult): object {
  const { observables, states, verdict, complete } = outcome;
  return {
    name: test.name,
    file: test.file,
    arch: model,
    states: states.map((state) =>
      Object.fromEntries(
        observables.map((observable, i) => [observable.text, jsonValue(shownValue(test, observable, state.values[i]))]),
      ),
    ),
    condition: test.condition.text,
    verdict,
    complete,
    ...(warning === undefined ? {} : { warning }),
  };
}

/** A number where JSON has it exactly, else its digits. */
function jsonValue(value: bigint | string): number | string {
  if (typeof value === 'string') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}
