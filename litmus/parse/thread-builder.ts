import { closest, quote } from '../../diagnostics/diagnostic.ts';
import { LitmusFault, type Position, type Problems } from '../problem.ts';
import type { Expression, Instruction, Thread, Value } from '../program.ts';
import { integer } from './expressions.ts';
import type { Token } from './tokens.ts';

const maxRegisters = 32;
const maxInstructions = 500;

type Branch = Extract<Instruction, { readonly op: 'branch' }>;

/** A place to branch to. */
export interface Label {
  /** Index of the instruction after it; undefined while it is not yet reached. */
  target: number | undefined;
}

interface PendingBranch {
  readonly index: number;
  readonly label: Label;
  /** Undefined for a label that the parser made: that one is always ahead. */
  readonly token: Token | undefined;
}

/** Collects the instructions of one thread; branches may name labels that come later, and only those. */
export class ThreadBuilder {
  readonly index: number;
  private readonly problems: Problems;
  private readonly names: string[] = [];
  private readonly indices = new Map<string, number>();
  private readonly initial = new Map<number, Value>();
  private readonly instructions: Instruction[] = [];
  private readonly places: Position[] = [];
  private readonly labels = new Map<string, Label>();
  private readonly branches: PendingBranch[] = [];

  constructor(index: number, problems: Problems) {
    this.index = index;
    this.problems = problems;
  }

  get registerNames(): readonly string[] {
    return this.names;
  }

  /** How many places there are by now that a branch may come to. */
  get labelCount(): number {
    return [...this.labels.values()].filter(({ target }) => target !== undefined).length;
  }

  register(name: string, at: Position): number {
    const known = this.indices.get(name);
    if (known !== undefined) return known;
    if (this.names.length >= maxRegisters) {
      throw new LitmusFault(at, `P${this.index} uses more than ${maxRegisters} registers`);
    }
    this.indices.set(name, this.names.length);
    this.names.push(name);
    return this.names.length - 1;
  }

  initialize(register: number, value: Value, at: Position): void {
    if (this.initial.has(register)) {
      throw new LitmusFault(at, `a second initial value of ${this.index}:${this.names[register]}`);
    }
    this.initial.set(register, value);
  }

  emit(instruction: Instruction, at: Position): void {
    if (this.instructions.length >= maxInstructions) {
      throw new LitmusFault(at, `P${this.index} has more than ${maxInstructions} instructions`);
    }
    this.instructions.push(instruction);
    this.places.push(at);
  }

  /** A label of the parser's own. */
  newLabel(): Label {
    return { target: undefined };
  }

  place(label: Label): void {
    label.target = this.instructions.length;
  }

  placeNamed(token: Token): void {
    const label = this.named(token.text);
    if (label.target !== undefined) throw new LitmusFault(token, `a second label ${quote(token.text)}`);
    this.place(label);
  }

  branchTo(label: Label, condition: Expression, at: Position, token?: Token): void {
    this.branches.push({ index: this.instructions.length, label, token });
    this.emit({ line: at.line, op: 'branch', condition, target: 0 }, at);
  }

  branchToNamed(token: Token, condition: Expression = integer(1)): void {
    this.branchTo(this.named(token.text), condition, token, token);
  }

  /** Where an instruction stands in the text. */
  placeOf(instruction: number): Position {
    const place = this.places[instruction];
    if (place === undefined) throw new Error(`no instruction ${instruction}`);
    return place;
  }

  finish(): Thread {
    const placed = [...this.labels].filter(([, { target }]) => target !== undefined).map(([name]) => name);
    for (const { index, label, token } of this.branches) {
      const { target = -1 } = label;
      if (token !== undefined && target <= index) this.refuseBranch(token, target, placed);
      this.instructions[index] = { ...(this.instructions[index] as Branch), target };
    }
    return {
      registers: this.names,
      initial: [...this.initial].sort(([a], [b]) => a - b).map(([register, value]) => ({ register, value })),
      instructions: this.instructions,
    };
  }

  private refuseBranch(token: Token, target: number, placed: readonly string[]): void {
    if (target >= 0) {
      const message = `a branch back to ${quote(token.text)}: loops are not modelled`;
      this.problems.add(token, message, 'write the rounds one after the other');
      return;
    }
    const near = closest(token.text, placed);
    const hint = near === undefined ? undefined : `did you mean "${near}"?`;
    this.problems.add(token, `no label ${quote(token.text)} in P${this.index}`, hint);
  }

  private named(name: string): Label {
    const known = this.labels.get(name);
    if (known !== undefined) return known;
    const label = this.newLabel();
    this.labels.set(name, label);
    return label;
  }
}
