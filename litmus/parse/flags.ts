import { quote } from '../../diagnostics/diagnostic.ts';
import { LitmusFault } from '../problem.ts';
import type { Expression } from '../program.ts';
import { binary, extended, register } from './expressions.ts';
import type { ThreadBuilder } from './thread-builder.ts';
import type { Token } from './tokens.ts';

/**
 * What set the flags: a comparison of two values, an operation that leaves carry and overflow 0, or a sum, of which only
 * zero and sign are told.
 */
export type FlagSource = 'comparison' | 'logic' | 'sum';

type Comparison = (left: Expression, right: Expression) => Expression;

const less: Comparison = (left, right) => binary('less', left, right);
const lessEqual: Comparison = (left, right) => binary('less-equal', left, right);
const below: Comparison = (left, right) => binary('less-unsigned', left, right);
const belowEqual: Comparison = (left, right) => binary('less-equal-unsigned', left, right);
const swapped =
  (comparison: Comparison): Comparison =>
  (left, right) =>
    comparison(right, left);

interface Condition {
  readonly holds: Comparison;
  readonly sources: readonly FlagSource[];
}

const always: readonly FlagSource[] = ['comparison', 'logic', 'sum'];
const ordered: readonly FlagSource[] = ['comparison', 'logic'];
const signed: readonly FlagSource[] = ['logic', 'sum'];

/** What comes after J, by name; flags are kept as two values whose comparison they tell. */
const conditions: ReadonlyMap<string, Condition> = new Map<string, Condition>([
  ...['E', 'Z'].map(named({ holds: (left, right) => binary('equal', left, right), sources: always })),
  ...['NE', 'NZ'].map(named({ holds: (left, right) => binary('not-equal', left, right), sources: always })),
  ...['L', 'NGE'].map(named({ holds: less, sources: ordered })),
  ...['LE', 'NG'].map(named({ holds: lessEqual, sources: ordered })),
  ...['G', 'NLE'].map(named({ holds: swapped(less), sources: ordered })),
  ...['GE', 'NL'].map(named({ holds: swapped(lessEqual), sources: ordered })),
  ...['B', 'C', 'NAE'].map(named({ holds: below, sources: ordered })),
  ...['BE', 'NA'].map(named({ holds: belowEqual, sources: ordered })),
  ...['A', 'NBE'].map(named({ holds: swapped(below), sources: ordered })),
  ...['AE', 'NB', 'NC'].map(named({ holds: swapped(belowEqual), sources: ordered })),
  ['S', { holds: less, sources: signed }],
  ['NS', { holds: swapped(lessEqual), sources: signed }],
]);

function named(condition: Condition): (name: string) => [string, Condition] {
  return (name) => [name, condition];
}

export const flagConditionNames: readonly string[] = [...conditions.keys()];

interface Setting {
  readonly source: FlagSource;
  /** Labels of the thread before it: a later one may be reached with other flags. */
  readonly labelCount: number;
}

/** The flags of one thread, in two registers of our own: sign-extended, which keeps the order of unsigned values too. */
export class Flags {
  private readonly thread: ThreadBuilder;
  private readonly settings: Setting[] = [];

  constructor(thread: ThreadBuilder) {
    this.thread = thread;
  }

  register(side: 'left' | 'right', at: Token): number {
    return this.thread.register(`(flags ${side})`, at);
  }

  private set(source: FlagSource): void {
    this.settings.push({ source, labelCount: this.thread.labelCount });
  }

  /** Sets the flags to what comparing the two values says. */
  compare(at: Token, source: FlagSource, sides: { left: Expression; right: Expression; widthBits: 32 | 64 }): void {
    const { thread } = this;
    const left = extended(sides.left, sides.widthBits, true);
    const right = extended(sides.right, sides.widthBits, true);
    thread.emit({ line: at.line, op: 'assign', into: this.register('left', at), value: left }, at);
    thread.emit({ line: at.line, op: 'assign', into: this.register('right', at), value: right }, at);
    this.set(source);
  }

  /** The condition of a jump. */
  condition(at: Token, name: string): Expression {
    const condition = conditions.get(name);
    const last = this.settings.at(-1);
    if (condition === undefined) throw new LitmusFault(at, `unknown condition ${quote(name)}`);
    if (last === undefined) throw new LitmusFault(at, `${quote(at.text)}, and nothing has set the flags before`);
    const isCertain =
      last.labelCount === this.thread.labelCount || this.settings.every(({ source }) => source === last.source);
    const fits = isCertain ? condition.sources.includes(last.source) : condition.sources === always;
    if (!fits) {
      throw new LitmusFault(
        at,
        `${quote(at.text)} of the flags set here is not modelled`,
        'compare the value with CMP',
      );
    }
    return condition.holds(register(this.register('left', at)), register(this.register('right', at)));
  }
}
