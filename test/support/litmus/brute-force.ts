import type { Instruction, LitmusTest } from '../../../litmus/program.ts';
import { accessKind } from '../../../models/memory/access-order.ts';
import { FinalStates } from './final-states.ts';
import { evaluate, type Place, placeOf, wordOf } from './values.ts';

/*
 * Every interleaving of a litmus test, one by one, on sequentially consistent memory or on the machine of Owens, Sarkar
 * and Sewell 2009 (x86-TSO): each CPU with a first-in-first-out buffer of its stores. No reduction; a state met before
 * is not gone through again, and that is all.
 */

interface Store extends Place {
  readonly widthBits: number;
  readonly value: bigint;
}

interface ThreadState {
  readonly next: number;
  readonly registers: readonly bigint[];
  /** Oldest first. */
  readonly buffer: readonly Store[];
  /** What the last load-reserved read, while no other CPU has written there. */
  readonly reservation?: number | undefined;
}

interface MachineState {
  readonly threads: readonly ThreadState[];
  readonly memory: readonly bigint[];
}

export function bruteForce(test: LitmusTest, model: 'sc' | 'x86-tso'): FinalStates {
  const finals = new FinalStates(test);
  const seen = new Set<string>();
  const open: MachineState[] = [initialState(test)];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    const key = JSON.stringify(state, (_, value) => (typeof value === 'bigint' ? value.toString() : value));
    if (seen.has(key)) {
      continue;
    }
    seen.add(key);
    const isOver = state.threads.every(
      ({ next, buffer }, t) => next >= (test.threads[t]?.instructions.length ?? 0) && buffer.length === 0,
    );
    if (isOver) {
      finals.add({ registers: state.threads.map(({ registers }) => registers), locations: state.memory });
    }
    for (const t of state.threads.keys()) {
      open.push(...drains(state, t), ...steps(test, model, state, t));
    }
  }
  return finals;
}

function initialState(test: LitmusTest): MachineState {
  return {
    threads: test.threads.map(({ registers, initial }) => {
      const words = registers.map(() => 0n);
      for (const { register, value } of initial) {
        words[register] = wordOf(value);
      }
      return { next: 0, registers: words, buffer: [] };
    }),
    memory: test.locations.map(({ initial, widthBits }) => BigInt.asUintN(widthBits, wordOf(initial))),
  };
}

/** The oldest store of a buffer arrives. */
function drains(state: MachineState, t: number): readonly MachineState[] {
  const [oldest, ...buffer] = (state.threads[t] as ThreadState).buffer;
  return oldest === undefined ? [] : [arrive(withThread(state, t, { buffer }), t, oldest)];
}

/** What the next instruction of a thread can do; nothing where it has to wait. */
function steps(test: LitmusTest, model: 'sc' | 'x86-tso', state: MachineState, t: number): readonly MachineState[] {
  const thread = state.threads[t] as ThreadState;
  const instruction = test.threads[t]?.instructions[thread.next];
  if (instruction === undefined || (mustDrain(instruction) && thread.buffer.length > 0)) {
    return [];
  }
  const on = (changes: Partial<ThreadState>): MachineState =>
    withThread(state, t, { next: thread.next + 1, ...changes });
  const write = (into: MachineState, store: Store): MachineState =>
    model === 'sc' ? arrive(into, t, store) : withThread(into, t, { buffer: [...thread.buffer, store] });
  const at = (address: bigint, widthBits: 8 | 16 | 32 | 64 | 128): Place => {
    const place = placeOf(test, address, widthBits);
    if (place === undefined) {
      throw new Error(`${test.name}, line ${instruction.line}: no location at 0x${address.toString(16)}`);
    }
    return place;
  };
  switch (instruction.op) {
    case 'load':
    case 'load-reserved': {
      const place = at(evaluate(instruction.address, thread.registers), instruction.widthBits);
      const value = read(state, t, place, instruction.widthBits);
      if (value === undefined) {
        return [];
      }
      const registers = thread.registers.with(instruction.into, value);
      return [on(instruction.op === 'load' ? { registers } : { registers, reservation: place.location })];
    }
    case 'store': {
      const place = at(evaluate(instruction.address, thread.registers), instruction.widthBits);
      const value = evaluate(instruction.value, thread.registers);
      return [write(on({}), { ...place, widthBits: instruction.widthBits, value })];
    }
    case 'rmw': {
      const place = at(evaluate(instruction.address, thread.registers), instruction.widthBits);
      const old = read(state, t, place, instruction.widthBits) as bigint;
      const { expected, result } = instruction;
      const isWritten =
        expected === undefined || BigInt.asUintN(instruction.widthBits, evaluate(expected, thread.registers)) === old;
      const value = evaluate(instruction.value, thread.registers, old);
      const registers =
        result === undefined
          ? thread.registers
          : thread.registers.with(result.into, evaluate(result.value, thread.registers, old));
      const read1 = on({ registers });
      return [isWritten ? arrive(read1, t, { ...place, widthBits: instruction.widthBits, value }) : read1];
    }
    case 'store-conditional': {
      const place = at(evaluate(instruction.address, thread.registers), instruction.widthBits);
      const value = evaluate(instruction.value, thread.registers);
      const failed = on({ registers: thread.registers.with(instruction.status, 1n), reservation: undefined });
      if (thread.reservation !== place.location) {
        return [failed];
      }
      const done = on({ registers: thread.registers.with(instruction.status, 0n), reservation: undefined });
      return [failed, arrive(done, t, { ...place, widthBits: instruction.widthBits, value })];
    }
    case 'lock': {
      const place = at(evaluate(instruction.address, thread.registers), 32);
      return read(state, t, place, 32) === 0n ? [arrive(on({}), t, { ...place, widthBits: 32, value: 1n })] : [];
    }
    case 'unlock': {
      const place = at(evaluate(instruction.address, thread.registers), 32);
      return [write(on({}), { ...place, widthBits: 32, value: 0n })];
    }
    case 'assign': {
      const value = evaluate(instruction.value, thread.registers);
      return [on({ registers: thread.registers.with(instruction.into, value) })];
    }
    case 'branch': {
      const isTaken = evaluate(instruction.condition, thread.registers) !== 0n;
      return [on({ next: isTaken ? instruction.target : thread.next + 1 })];
    }
    case 'fence':
    case 'barrier':
    case 'context-sync':
      return [on({})];
  }
}

/** Locked instructions and whatever keeps a load behind an earlier store empty the buffer first. */
function mustDrain(instruction: Instruction): boolean {
  switch (instruction.op) {
    case 'rmw':
    case 'store-conditional':
    case 'lock':
      return true;
    case 'fence':
      return (instruction.fence.write & accessKind.read) !== 0;
    case 'barrier':
      // smp_mb__after_spinlock and the like are nothing on x86: the lock before them has drained the buffer.
      return instruction.name === 'smp_mb' || instruction.name === 'mb';
    default:
      return false;
  }
}

/** From the newest store of the thread's own buffer, or else from memory; undefined while a store covers it in part. */
function read(state: MachineState, t: number, place: Place, widthBits: number): bigint | undefined {
  const buffer = (state.threads[t] as ThreadState).buffer;
  const [from, to] = [place.byteOffset * 8, place.byteOffset * 8 + widthBits];
  for (const store of buffer.toReversed()) {
    const [storeFrom, storeTo] = [store.byteOffset * 8, store.byteOffset * 8 + store.widthBits];
    if (store.location === place.location && storeFrom < to && from < storeTo) {
      return storeFrom <= from && to <= storeTo
        ? BigInt.asUintN(widthBits, BigInt.asUintN(store.widthBits, store.value) >> BigInt(from - storeFrom))
        : undefined;
    }
  }
  return BigInt.asUintN(widthBits, (state.memory[place.location] as bigint) >> BigInt(from));
}

/** A store reaches memory: reservations of the other threads there are lost. */
function arrive(state: MachineState, t: number, { location, byteOffset, widthBits, value }: Store): MachineState {
  const shift = BigInt(byteOffset * 8);
  const mask = ((1n << BigInt(widthBits)) - 1n) << shift;
  const old = state.memory[location] as bigint;
  return {
    threads: state.threads.map((thread, other) =>
      other !== t && thread.reservation === location ? { ...thread, reservation: undefined } : thread,
    ),
    memory: state.memory.with(location, (old & ~mask) | ((value << shift) & mask)),
  };
}

function withThread(state: MachineState, t: number, changes: Partial<ThreadState>): MachineState {
  return { ...state, threads: state.threads.with(t, { ...(state.threads[t] as ThreadState), ...changes }) };
}
