import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arena } from '../../sim/arena.ts';
import { BitSet, Cell, Fifo, Table, WordArray } from '../../sim/containers.ts';

describe('a cell', () => {
  it('starts with its initial value, and a reset brings that back', () => {
    const arena = new Arena();
    const cell = new Cell(arena, 'cell', 7);
    arena.seal();
    expect(cell.get()).toBe(7);
    cell.set(9);
    expect(arena.get(cell.index)).toBe(9);
    arena.reset();
    expect(cell.get()).toBe(7);
  });
});

describe('arrays and tables', () => {
  it('lie side by side and keep out of each other', () => {
    const arena = new Arena();
    const array = new WordArray(arena, 'array', 3);
    const table = new Table(arena, 'table', 2, 4);
    arena.seal();
    for (let i = 0; i < 3; i += 1) array.set(i, 10 + i);
    for (let row = 0; row < 2; row += 1) {
      for (let column = 0; column < 4; column += 1) table.set(row, column, 100 * row + column);
    }
    expect([...arena.words]).toEqual([10, 11, 12, 0, 1, 2, 3, 100, 101, 102, 103]);
    expect(table.rowBase(1)).toBe(table.base + 4);
    expect(table.get(1, 2)).toBe(102);
    expect(array.get(2)).toBe(12);
    table.clearRow(0);
    expect([...arena.words]).toEqual([10, 11, 12, 0, 0, 0, 0, 100, 101, 102, 103]);
  });
});

function fifoOf(capacity: number, columns: number) {
  const arena = new Arena();
  const fifo = new Fifo(arena, 'queue', capacity, columns);
  arena.seal();
  return { arena, fifo };
}

describe('a queue', () => {
  it('keeps its records in order, and says when it is full', () => {
    const { fifo } = fifoOf(2, 1);
    expect(fifo.push()).toBe(0);
    fifo.set(0, 0, 11);
    expect(fifo.isFull).toBe(false);
    expect(fifo.push()).toBe(1);
    fifo.set(1, 0, 22);
    expect(fifo.isFull).toBe(true);
    expect(() => fifo.push()).toThrow('the queue has room');
    fifo.remove(0);
    expect(fifo.length).toBe(1);
    expect(fifo.get(0, 0)).toBe(22);
  });

  it('gives a record of zeros, whatever its slot held before', () => {
    const { fifo } = fifoOf(3, 2);
    fifo.set(fifo.push(), 1, 99);
    fifo.remove(0);
    const row = fifo.push();
    expect([fifo.get(row, 0), fifo.get(row, 1)]).toEqual([0, 0]);
  });

  it('says where a record is in the arena', () => {
    const { arena, fifo } = fifoOf(3, 4);
    fifo.push();
    fifo.set(fifo.push(), 2, 5);
    expect(arena.get(fifo.indexOf(1, 2))).toBe(5);
  });

  it('refuses to remove what is not there', () => {
    const { fifo } = fifoOf(2, 1);
    expect(() => fifo.remove(0)).toThrow('the record exists');
    fifo.push();
    expect(() => fifo.remove(1)).toThrow('the record exists');
  });

  it('with equal contents is equal words, whatever happened before', () => {
    const push = fc.record({ push: fc.tuple(fc.integer(), fc.integer()) });
    const remove = fc.record({ remove: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(fc.oneof(push, remove), { maxLength: 40 }), (actions) => {
        const { arena, fifo } = fifoOf(4, 2);
        const model: [number, number][] = [];
        for (const action of actions) {
          if ('push' in action && model.length < 4) {
            const row = fifo.push();
            fifo.set(row, 0, action.push[0]);
            fifo.set(row, 1, action.push[1]);
            model.push([...action.push]);
          } else if ('remove' in action && model.length > 0) {
            fifo.remove(action.remove % model.length);
            model.splice(action.remove % model.length, 1);
          }
        }
        expect(fifo.length).toBe(model.length);
        // Length, then the records in order, then zeros: nothing of the past is left.
        const records = [...model.flat(), ...Array<number>(8).fill(0)].slice(0, 8);
        expect([...arena.words]).toEqual([model.length, ...records]);
      }),
    );
  });
});

describe('a bit set', () => {
  it('finds its bits by rank across words, bit 31 included', () => {
    const arena = new Arena();
    const set = new BitSet(arena, 'set', 100);
    arena.seal();
    const bits = [0, 5, 30, 31, 32, 63, 64, 99];
    for (const bit of bits) set.set(bit, true);
    expect(set.count).toBe(8);
    expect(bits.map((_, rank) => set.nth(rank))).toEqual(bits);
    expect(() => set.nth(8)).toThrow('no bit of rank 8');
    set.set(31, false);
    expect([set.has(30), set.has(31), set.has(32)]).toEqual([true, false, true]);
    expect(set.nth(3)).toBe(32);
  });

  it('agrees with a set of numbers', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(69), fc.boolean()), { maxLength: 80 }), (changes) => {
        const arena = new Arena();
        const set = new BitSet(arena, 'set', 70);
        arena.seal();
        const model = new Set<number>();
        for (const [bit, on] of changes) {
          set.set(bit, on);
          if (on) model.add(bit);
          else model.delete(bit);
        }
        const sorted = [...model].sort((a, b) => a - b);
        expect(set.count).toBe(sorted.length);
        expect(sorted.map((_, rank) => set.nth(rank))).toEqual(sorted);
        for (let bit = 0; bit < 70; bit += 1) expect(set.has(bit)).toBe(model.has(bit));
      }),
    );
  });
});
