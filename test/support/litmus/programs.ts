import type { Architecture, Expression, Instruction, LitmusTest } from '../../../litmus/program.ts';
import {
  type Fence,
  fenceOf,
  type LoadOrder,
  type RmwOrder,
  type StoreOrder,
} from '../../../models/memory/access-order.ts';
import type { BarrierName } from '../../../models/memory/barriers.ts';
import { everything } from './final-states.ts';

/*
 * Litmus tests written in place, over locations x, y, z of 64 bits, all 0, and registers r0, r1, …: what the parsers
 * make of a file, without a file.
 */

export const [x, y] = [0, 1] as const;

/** An instruction without its line. */
export type Step = Instruction extends infer One ? (One extends { op: string } ? Omit<One, 'line'> : never) : never;

/** A number is a constant. */
type Operand = number | Expression;

export function register(index: number): Expression {
  return { kind: 'register', register: index };
}

function operand(value: Operand): Expression {
  return typeof value === 'number' ? { kind: 'integer', value: BigInt(value) } : value;
}

/** An address that depends on a register: the location plus 0 made of it. */
export function dependentOn(index: number, location: number): Expression {
  return binary('add', { kind: 'address', location }, zeroOf(index));
}

/** A value that depends on a register. */
export function valueOn(index: number, value: number): Expression {
  return binary('add', operand(value), zeroOf(index));
}

function zeroOf(index: number): Expression {
  return binary('xor', register(index), register(index));
}

function binary(
  operator: Extract<Expression, { kind: 'binary' }>['operator'],
  left: Operand,
  right: Operand,
): Expression {
  return { kind: 'binary', operator, left: operand(left), right: operand(right) };
}

/** A location by its index, or an address worked out. */
type Address = number | Expression;

function addressAt(at: Address): Expression {
  return typeof at === 'number' ? { kind: 'address', location: at } : at;
}

export function load(into: number, at: Address, order: LoadOrder = 'relaxed'): Step {
  return { op: 'load', into, address: addressAt(at), widthBits: 64, order };
}

export function store(at: Address, value: Operand, order: StoreOrder = 'relaxed'): Step {
  return { op: 'store', address: addressAt(at), value: operand(value), widthBits: 64, order };
}

export function loadReserved(into: number, at: Address, order: LoadOrder = 'relaxed'): Step {
  return { op: 'load-reserved', into, address: addressAt(at), widthBits: 64, order };
}

export function storeConditional(status: number, at: Address, value: Operand, order: StoreOrder = 'relaxed'): Step {
  return { op: 'store-conditional', status, address: addressAt(at), value: operand(value), widthBits: 64, order };
}

export const plainRmw: RmwOrder = { load: 'relaxed', store: 'relaxed', isFull: false };
export const fullRmw: RmwOrder = { load: 'acquire', store: 'release', isFull: true };

interface Rmw {
  readonly into?: number;
  readonly order?: RmwOrder;
  /** Only if the old value is this one. */
  readonly expected?: Operand;
}

/** Puts a value in place of another. */
export function exchange(at: Address, value: Operand, { into, order = plainRmw, expected }: Rmw = {}): Step {
  return {
    op: 'rmw',
    address: addressAt(at),
    widthBits: 64,
    order,
    value: operand(value),
    ...(expected === undefined ? {} : { expected: operand(expected) }),
    ...(into === undefined ? {} : { result: { into, value: { kind: 'old' } } }),
  };
}

/** Adds to what is there. */
export function fetchAdd(at: Address, value: Operand, rmw: Rmw = {}): Step {
  return exchange(at, binary('add', { kind: 'old' }, value), rmw);
}

export const full: Step = fenceStep(fenceOf(3, 3));

export function fenceStep(fence: Fence): Step {
  return { op: 'fence', fence };
}

export function barrier(name: BarrierName): Step {
  return { op: 'barrier', name };
}

/** A whole test; every register and location is observed. */
export function program(name: string, architecture: Architecture, threads: readonly (readonly Step[])[]): LitmusTest {
  const locations = (['x', 'y', 'z'] as const).map((text) => ({
    name: text,
    widthBits: 64 as const,
    initial: { kind: 'integer' as const, value: 0n },
  }));
  const test: LitmusTest = {
    name,
    file: `${name}.litmus`,
    architecture,
    locations,
    threads: threads.map((steps) => ({
      registers: Array.from({ length: registersOf(steps) }, (_, r) => `r${r}`),
      initial: [],
      instructions: steps.map((step, i) => ({ ...step, line: i + 1 }) as Instruction),
    })),
    condition: { quantifier: 'exists', proposition: { kind: 'true' }, text: 'true' },
    observed: [],
  };
  return { ...test, observed: everything(test) };
}

function registersOf(steps: readonly Step[]): number {
  return steps.reduce((count, step) => {
    const into =
      'into' in step ? step.into : 'status' in step ? step.status : 'result' in step ? step.result?.into : -1;
    return Math.max(count, (into ?? -1) + 1);
  }, 0);
}
