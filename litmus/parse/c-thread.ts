import { closest, quote } from '../../diagnostics/diagnostic.ts';
import type { LoadOrder, StoreOrder } from '../../models/memory/access-order.ts';
import { LitmusFault } from '../problem.ts';
import type { Expression } from '../program.ts';
import type { CExpression } from './c-syntax.ts';
import { type CValue, changed, combined, converted, falsehood, numberValue, truth } from './c-values.ts';
import { addressOf, binary, extended, register } from './expressions.ts';
import type { ThreadBuilder } from './thread-builder.ts';
import type { Token } from './tokens.ts';
import { type CType, intType } from './types.ts';

interface Local {
  readonly register: number;
  readonly type: CType;
}

/** A place in memory that C code names. */
export interface CPlace {
  readonly address: Expression;
  readonly type: CType;
}

export type CCall = Extract<CExpression, { kind: 'call' }>;

/** Does what a function of the kernel does; undefined if that gives no value. */
type Calls = (thread: CThread, call: CCall, into: number | undefined) => CValue | undefined;

/** One function of a C test: its names, and its expressions turned into instructions. */
export class CThread {
  readonly builder: ThreadBuilder;
  private readonly locals = new Map<string, Local>();
  /** Parameters: each is the address of the location of its name. */
  private readonly parameters = new Map<string, CValue>();
  private readonly calls: Calls;
  private temporaries = 0;

  constructor(builder: ThreadBuilder, calls: Calls) {
    this.builder = builder;
    this.calls = calls;
  }

  addParameter(name: string, location: number, type: CType): void {
    this.parameters.set(name, { expression: addressOf(location), type });
  }

  /** A second declaration, in another block, is the same variable if it has the same type. */
  declare(at: Token, type: CType): Local {
    if (this.parameters.has(at.text)) throw new LitmusFault(at, `${quote(at.text)} is a parameter already`);
    const known = this.locals.get(at.text);
    if (known !== undefined) {
      if (known.type.widthBits === type.widthBits && known.type.isSigned === type.isSigned) return known;
      throw new LitmusFault(at, `${quote(at.text)} is declared with another type above`);
    }
    const local = { register: this.builder.register(at.text, at), type };
    this.locals.set(at.text, local);
    return local;
  }

  /** What a variable holds, for the conditions of the test. */
  typeOf(name: string): CType | undefined {
    return this.locals.get(name)?.type;
  }

  /** Registers between values; they are free again after each statement. */
  beginStatement(): void {
    this.temporaries = 0;
  }

  temporary(at: Token): number {
    this.temporaries += 1;
    return this.builder.register(`(${this.temporaries})`, at);
  }

  /** Does what an expression statement says; a value is dropped. */
  perform(expression: CExpression): void {
    if (expression.kind === 'call') {
      this.calls(this, expression, undefined);
    } else {
      this.value(expression);
    }
  }

  /** `into`: where a value that is read from memory may be put. */
  value(expression: CExpression, into?: number): CValue {
    switch (expression.kind) {
      case 'number':
        return numberValue(expression.value);
      case 'name':
        return this.named(expression.at);
      case 'unary':
        return this.unary(expression, into);
      case 'binary':
        return this.binary(expression);
      case 'cast':
        return converted(this.value(expression.of, into), expression.type);
      case 'assignment':
        return this.assignment(expression);
      case 'call': {
        const value = this.calls(this, expression, into);
        if (value === undefined) throw new LitmusFault(expression.at, `${quote(expression.name)} gives no value`);
        return value;
      }
    }
  }

  private named(at: Token): CValue {
    const local = this.locals.get(at.text);
    if (local !== undefined) return { expression: register(local.register), type: local.type };
    const parameter = this.parameters.get(at.text);
    if (parameter !== undefined) return parameter;
    const near = closest(at.text, [...this.locals.keys(), ...this.parameters.keys()]);
    const hint =
      near === undefined ? `declare it, or make it a parameter of P${this.builder.index}` : `did you mean "${near}"?`;
    throw new LitmusFault(at, `unknown variable ${quote(at.text)}`, hint);
  }

  private unary(expression: Extract<CExpression, { kind: 'unary' }>, into: number | undefined): CValue {
    const { at, operator, of } = expression;
    if (operator === '*') return this.load(at, this.place(expression), 'relaxed', into);
    if (operator === '&') {
      const { address, type } = this.place(of);
      return { expression: address, type: { widthBits: 64, isSigned: false, pointee: type } };
    }
    return changed(operator, this.value(of)) ?? notModelled(at);
  }

  private binary({ at, operator, left, right }: Extract<CExpression, { kind: 'binary' }>): CValue {
    if (operator === '&&' || operator === '||') return this.shortCircuit(at, operator, left, right);
    return combined(operator, this.value(left), this.value(right)) ?? notModelled(at);
  }

  /** The right side is only looked at if the left one does not decide. */
  private shortCircuit(at: Token, operator: '&&' | '||', left: CExpression, right: CExpression): CValue {
    const first = this.value(left);
    if (isPure(right)) {
      const kind = operator === '&&' ? 'and' : 'or';
      return { type: intType, expression: binary(kind, truth(first), truth(this.value(right))) };
    }
    const { builder } = this;
    const result = this.temporary(at);
    const decided = builder.newLabel();
    builder.emit({ line: at.line, op: 'assign', into: result, value: truth(first) }, at);
    const known: CValue = { type: intType, expression: register(result) };
    builder.branchTo(decided, operator === '&&' ? falsehood(known) : truth(known), at);
    builder.emit({ line: at.line, op: 'assign', into: result, value: truth(this.value(right)) }, at);
    builder.place(decided);
    return known;
  }

  private assignment({ at, operator, target, value }: Extract<CExpression, { kind: 'assignment' }>): CValue {
    const local = target.kind === 'name' ? this.assigned(target, operator === '' ? value : undefined) : undefined;
    if (local !== undefined) {
      const variable: CValue = { expression: register(local.register), type: local.type };
      const given = this.value(value, operator === '' ? local.register : undefined);
      this.assign(at, local, operator === '' ? given : (combined(operator, variable, given) ?? notModelled(at)));
      return variable;
    }
    const place = this.place(target);
    const old = operator === '' ? undefined : this.load(at, place, 'relaxed');
    const given = this.value(value);
    const result = old === undefined ? given : (combined(operator, old, given) ?? notModelled(at));
    return this.store(at, place, result, 'relaxed');
  }

  /** The variable to assign to. A name such as `r1` may do without a declaration, as it does for herd. */
  private assigned({ at }: CExpression, value: CExpression | undefined): Local | undefined {
    const known = this.locals.get(at.text);
    if (known !== undefined || value === undefined || this.parameters.has(at.text) || !/^r[0-9]+$/.test(at.text))
      return known;
    return this.declare(at, this.typeBefore(value));
  }

  /** The type of a value that is not read yet: of a pointer if it is one, else `int`. */
  private typeBefore(value: CExpression): CType {
    if (value.kind === 'name') return this.named(value.at).type;
    return intType;
  }

  assign(at: Token, local: Local, value: CValue): void {
    const { expression } = converted(value, local.type);
    if (expression.kind === 'register' && expression.register === local.register) return;
    this.builder.emit({ line: at.line, op: 'assign', into: local.register, value: expression }, at);
  }

  /** What `*p` stands for; the other expressions have no place in memory. */
  place(expression: CExpression): CPlace {
    if (expression.kind === 'unary' && expression.operator === '*') return this.pointedAt(expression.of);
    // A name without a meaning is the first thing to tell.
    const isPointer = expression.kind === 'name' && this.named(expression.at).type.pointee !== undefined;
    const hint = isPointer ? `write *${expression.name}` : undefined;
    throw new LitmusFault(expression.at, 'expected a place in memory, such as *x', hint);
  }

  /** Where the pointer that an expression gives points to. */
  pointedAt(expression: CExpression): CPlace {
    const { expression: address, type } = this.value(expression);
    if (type.pointee === undefined) {
      throw new LitmusFault(expression.at, 'expected a pointer', 'declare it as one: "int *p"');
    }
    return { address, type: type.pointee };
  }

  load(at: Token, { address, type }: CPlace, order: LoadOrder, into?: number): CValue {
    const target = into ?? this.temporary(at);
    this.builder.emit({ line: at.line, op: 'load', into: target, address, widthBits: type.widthBits, order }, at);
    const loaded = register(target);
    if (type.isSigned && type.widthBits < 64) {
      this.builder.emit(
        { line: at.line, op: 'assign', into: target, value: extended(loaded, type.widthBits, true) },
        at,
      );
    }
    return { expression: loaded, type };
  }

  store(at: Token, { address, type }: CPlace, value: CValue, order: StoreOrder): CValue {
    const stored = converted(value, type);
    this.builder.emit(
      { line: at.line, op: 'store', address, value: value.expression, widthBits: type.widthBits, order },
      at,
    );
    return stored;
  }
}

function notModelled(at: Token): never {
  throw new LitmusFault(at, `${quote(at.text)} of these operands is not modelled`);
}

/** Whether it only computes: no access to memory, no assignment. */
function isPure(expression: CExpression): boolean {
  switch (expression.kind) {
    case 'number':
    case 'name':
      return true;
    case 'unary':
      return expression.operator !== '*' && isPure(expression.of);
    case 'binary':
      return isPure(expression.left) && isPure(expression.right);
    case 'cast':
      return isPure(expression.of);
    default:
      return false;
  }
}
