import { quote } from '../../diagnostics/diagnostic.ts';
import type { LoadOrder, RmwOrder, StoreOrder } from '../../models/memory/access-order.ts';
import { type BarrierName, barrierNames } from '../../models/memory/barriers.ts';
import { LitmusFault } from '../problem.ts';
import type { CExpression } from './c-syntax.ts';
import type { CCall, CPlace, CThread } from './c-thread.ts';
import { type CValue, combined, converted, falsehood, numberValue } from './c-values.ts';
import { binary, extended, integer, old, register } from './expressions.ts';
import { unknownMnemonic } from './mnemonics.ts';
import { intType } from './types.ts';

/** One use of a primitive. `into`: where what it reads may be put. */
interface Use {
  readonly thread: CThread;
  readonly call: CCall;
  readonly parameters: readonly CExpression[];
  readonly into: number | undefined;
}

interface Primitive {
  readonly parameterCount: number;
  /** Gives no value: undefined. */
  readonly perform: (use: Use) => CValue | undefined;
}

/** Does what a primitive of the kernel does; undefined if that gives no value. */
export function callPrimitive(thread: CThread, call: CCall, into: number | undefined): CValue | undefined {
  const primitive = primitives.get(call.name);
  if (primitive === undefined) throw unknownMnemonic(call.at, primitives.keys(), reasonFor(call.name), 'function');
  if (call.parameters.length !== primitive.parameterCount) {
    throw new LitmusFault(
      call.at,
      `${quote(call.name)} takes ${primitive.parameterCount} parameters, and has ${call.parameters.length} here`,
    );
  }
  return primitive.perform({ thread, call, parameters: call.parameters, into });
}

/** The parameter; there are as many as the table says. */
function parameter({ call, parameters }: Use, index: number): CExpression {
  return parameters[index] ?? call;
}

/** Of the macros, which take the place itself: READ_ONCE(*x). */
function placeIn(use: Use, index = 0): CPlace {
  return use.thread.place(parameter(use, index));
}

/** Of the functions, which take a pointer: atomic_read(x). */
function pointerIn(use: Use, index = 0): CPlace {
  return use.thread.pointedAt(parameter(use, index));
}

type PlaceReader = (use: Use, index?: number) => CPlace;

function load(place: PlaceReader, order: LoadOrder): Primitive {
  const perform = (use: Use): CValue => use.thread.load(use.call.at, place(use), order, use.into);
  return { parameterCount: 1, perform };
}

function store(place: PlaceReader, order: StoreOrder): Primitive {
  const perform = (use: Use): undefined => {
    const { thread, call } = use;
    thread.store(call.at, place(use), thread.value(parameter(use, 1)), order);
  };
  return { parameterCount: 2, perform };
}

function barrier(name: BarrierName): Primitive {
  const perform = ({ thread, call }: Use): undefined => {
    thread.builder.emit({ line: call.at.line, op: 'barrier', name }, call.at);
  };
  return { parameterCount: 0, perform };
}

const nothing: Primitive = { parameterCount: 0, perform: () => undefined };

function lock(op: 'lock' | 'unlock'): Primitive {
  const perform = (use: Use): undefined => {
    const { at } = use.call;
    use.thread.builder.emit({ line: at.line, op, address: pointerIn(use).address }, at);
  };
  return { parameterCount: 1, perform };
}

// Read-modify-writes.

const relaxed: RmwOrder = { load: 'relaxed', store: 'relaxed', isFull: false };
const variants: readonly (readonly [suffix: string, order: RmwOrder])[] = [
  ['', { load: 'relaxed', store: 'relaxed', isFull: true }],
  ['_relaxed', relaxed],
  ['_acquire', { load: 'acquire', store: 'relaxed', isFull: false }],
  ['_release', { load: 'relaxed', store: 'release', isFull: false }],
];

interface Rmw {
  readonly place: CPlace;
  readonly order: RmwOrder;
  /** What is written, of the old value. */
  readonly value: (before: CValue) => CValue;
  readonly expected?: CValue;
  /** What the call gives; undefined: nothing. */
  readonly result?: (before: CValue, after: CValue) => CValue;
}

function rmw({ thread, call, into }: Use, { place, order, value, expected, result }: Rmw): CValue | undefined {
  const { address, type } = place;
  const before: CValue = { expression: type.isSigned ? extended(old, type.widthBits, true) : old, type };
  const after = converted(value(before), type);
  const given = result?.(before, after);
  const target = given === undefined ? undefined : (into ?? thread.temporary(call.at));
  thread.builder.emit(
    {
      line: call.at.line,
      op: 'rmw',
      address,
      widthBits: type.widthBits,
      order,
      value: after.expression,
      ...(expected === undefined ? {} : { expected: extended(expected.expression, type.widthBits, false) }),
      ...(given === undefined || target === undefined ? {} : { result: { into: target, value: given.expression } }),
    },
    call.at,
  );
  return given === undefined || target === undefined ? undefined : { type: given.type, expression: register(target) };
}

const beforeOf = (before: CValue): CValue => before;

function exchange(order: RmwOrder): Primitive {
  const perform = (use: Use): CValue | undefined => {
    const place = pointerIn(use);
    const value = use.thread.value(parameter(use, 1));
    return rmw(use, { place, order, value: () => value, result: beforeOf });
  };
  return { parameterCount: 2, perform };
}

function compareExchange(order: RmwOrder): Primitive {
  const perform = (use: Use): CValue | undefined => {
    const place = pointerIn(use);
    const expected = use.thread.value(parameter(use, 1));
    const value = use.thread.value(parameter(use, 2));
    return rmw(use, { place, order, value: () => value, expected, result: beforeOf });
  };
  return { parameterCount: 3, perform };
}

type Operation = (before: CValue, by: CValue) => CValue;

function operation(operator: string, isInverted = false): Operation {
  return (before, by) => {
    const operand = isInverted ? { ...by, expression: binary('xor', by.expression, integer(-1)) } : by;
    // Sum and bits of two numbers are always there.
    return combined(operator, before, operand) ?? before;
  };
}

const one = numberValue(1n);

/** `by` is the first parameter and the place the second, or there is only the place, and 1 is meant. */
function atomicOperation(
  operate: Operation,
  takesOperand: boolean,
  order: RmwOrder,
  result?: (before: CValue, after: CValue) => CValue,
): Primitive {
  const perform = (use: Use): CValue | undefined => {
    const by = takesOperand ? use.thread.value(parameter(use, 0)) : one;
    const place = pointerIn(use, takesOperand ? 1 : 0);
    return rmw(use, {
      place,
      order,
      value: (before) => operate(before, by),
      ...(result === undefined ? {} : { result }),
    });
  };
  return { parameterCount: takesOperand ? 2 : 1, perform };
}

const operations: readonly (readonly [name: string, operate: Operation, takesOperand: boolean])[] = [
  ['add', operation('+'), true],
  ['sub', operation('-'), true],
  ['inc', operation('+'), false],
  ['dec', operation('-'), false],
  ['and', operation('&'), true],
  ['or', operation('|'), true],
  ['xor', operation('^'), true],
  ['andnot', operation('&', true), true],
];

const isZero = (_: CValue, after: CValue): CValue => ({
  type: intType,
  expression: binary('equal', after.expression, integer(0)),
});

/** The functions of one atomic type: `atomic`, `atomic64`, `atomic_long`. */
function atomics(prefix: string): readonly (readonly [string, Primitive])[] {
  const [[, full] = ['', relaxed]] = variants;
  const returnsSum = ['add', 'sub', 'inc', 'dec'];
  return [
    [`${prefix}_read`, load(pointerIn, 'relaxed')],
    [`${prefix}_read_acquire`, load(pointerIn, 'acquire')],
    [`${prefix}_set`, store(pointerIn, 'relaxed')],
    [`${prefix}_set_release`, store(pointerIn, 'release')],
    ...operations.map(
      ([name, operate, takes]) => [`${prefix}_${name}`, atomicOperation(operate, takes, relaxed)] as const,
    ),
    ...variants.flatMap(([suffix, order]) => [
      ...operations.map(
        ([name, operate, takes]) =>
          [`${prefix}_fetch_${name}${suffix}`, atomicOperation(operate, takes, order, beforeOf)] as const,
      ),
      ...operations
        .filter(([name]) => returnsSum.includes(name))
        .map(
          ([name, operate, takes]) =>
            [`${prefix}_${name}_return${suffix}`, atomicOperation(operate, takes, order, (_, after) => after)] as const,
        ),
      [`${prefix}_xchg${suffix}`, exchange(order)] as const,
      [`${prefix}_cmpxchg${suffix}`, compareExchange(order)] as const,
    ]),
    [`${prefix}_inc_and_test`, atomicOperation(operation('+'), false, full, isZero)],
    [`${prefix}_dec_and_test`, atomicOperation(operation('-'), false, full, isZero)],
    [`${prefix}_sub_and_test`, atomicOperation(operation('-'), true, full, isZero)],
  ];
}

const likely: Primitive = { parameterCount: 1, perform: (use) => use.thread.value(parameter(use, 0), use.into) };

/** A lock is a word that is 1 while it is held. */
const isLocked: Primitive = {
  parameterCount: 1,
  perform: (use) => use.thread.load(use.call.at, lockIn(use), 'relaxed', use.into),
};

/** One that does not get the lock is a read without order. */
const tryLock: Primitive = {
  parameterCount: 1,
  perform: (use) => {
    const order: RmwOrder = { load: 'acquire', store: 'relaxed', isFull: false };
    const result = (before: CValue): CValue => ({ type: intType, expression: falsehood(before) });
    return rmw(use, { place: lockIn(use), order, value: () => one, expected: numberValue(0n), result });
  },
};

function lockIn(use: Use): CPlace {
  return { address: pointerIn(use).address, type: { widthBits: 32, isSigned: false } };
}

/** WRITE_ONCE and a full barrier. */
const storeAndBarrier: Primitive = {
  parameterCount: 2,
  perform: (use) => {
    store(placeIn, 'relaxed').perform(use);
    return barrier('smp_mb').perform(use);
  },
};

const primitives: ReadonlyMap<string, Primitive> = new Map<string, Primitive>([
  ['READ_ONCE', load(placeIn, 'relaxed')],
  ['WRITE_ONCE', store(placeIn, 'relaxed')],
  ['smp_load_acquire', load(pointerIn, 'acquire')],
  ['smp_store_release', store(pointerIn, 'release')],
  ['smp_store_mb', storeAndBarrier],
  ['rcu_dereference', load(placeIn, 'relaxed')],
  ['rcu_assign_pointer', store(placeIn, 'release')],
  ...barrierNames.map((name): [string, Primitive] => [name, barrier(name)]),
  ['smp_mb__before_atomic', barrier('smp_mb')],
  ['smp_mb__after_atomic', barrier('smp_mb')],
  ['smp_mb__after_unlock_lock', barrier('smp_mb')],
  ['barrier', nothing],
  ['rcu_read_lock', nothing],
  ['rcu_read_unlock', nothing],
  ['likely', likely],
  ['unlikely', likely],
  ['spin_lock', lock('lock')],
  ['spin_unlock', lock('unlock')],
  ['spin_is_locked', isLocked],
  ['spin_trylock', tryLock],
  ...variants.flatMap(([suffix, order]): [string, Primitive][] => [
    [`xchg${suffix}`, exchange(order)],
    [`cmpxchg${suffix}`, compareExchange(order)],
    [`cmpxchg64${suffix}`, compareExchange(order)],
  ]),
  ...['atomic', 'atomic64', 'atomic_long'].flatMap(atomics),
]);

/** Why a function that a kernel developer may write is left out. */
function reasonFor(name: string): string | undefined {
  if (/^(?:synchronize_rcu|call_rcu|synchronize_srcu|srcu_)/.test(name)) return 'grace periods of RCU are not modelled';
  if (/^(?:while|for|do|goto|switch)$/.test(name)) return 'loops are not modelled';
  if (/spin_lock|spin_unlock|read_lock|write_lock|mutex/.test(name)) {
    return 'of locks there are spin_lock, spin_trylock, spin_is_locked and spin_unlock';
  }
  if (/try_cmpxchg|unless|not_zero|add_negative/.test(name)) return 'write it with cmpxchg';
  if (/^smp_cond_load/.test(name)) return 'loops are not modelled';
  return undefined;
}
