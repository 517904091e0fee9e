import type { Expression, Instruction, Thread } from '../program.ts';
import { walkExpression } from './expressions.ts';
import type { LocationWidth } from './locations.ts';
import type { Reading } from './reading.ts';
import type { ThreadBuilder } from './thread-builder.ts';

/** Where an expression points, as far as the text tells. */
interface Pointer {
  readonly location: number;
  readonly offset: bigint;
}

export interface PlacedThread {
  readonly thread: Thread;
  /** Knows where the instructions stand. */
  readonly builder: ThreadBuilder;
}

/**
 * Compares accesses with the locations they go to, where that can be seen without running: through registers that keep
 * the address they begin with. Locations without a type become as wide as their widest access.
 */
export function checkAccesses(threads: readonly PlacedThread[], { locations, problems }: Reading): void {
  for (const { thread, builder } of threads) {
    const pointers = fixedPointers(thread);
    for (const [i, instruction] of thread.instructions.entries()) {
      const access = accessOf(instruction);
      const pointer = access === undefined ? undefined : pointerOf(access.address, pointers);
      if (access === undefined || pointer === undefined) continue;
      const bits = access.widthBits;
      const offset = Number(BigInt.asIntN(64, pointer.offset)) * 8;
      const name = locations.nameOf(pointer.location);
      const had = offset === 0 ? locations.access(pointer.location, bits) : undefined;
      if (had !== undefined) {
        problems.add(
          builder.placeOf(i),
          `an access of ${bits} bits to "${name}", which has ${had} bits`,
          'give it a wider type in the initial state',
        );
      } else if (offset % bits !== 0 || offset < 0 || offset + bits > locations.widthBits(pointer.location)) {
        problems.add(
          builder.placeOf(i),
          `an access of ${bits} bits at byte ${offset / 8} of "${name}", which has ${locations.widthBits(pointer.location)} bits`,
        );
      }
    }
  }
}

function accessOf(
  instruction: Instruction,
): { readonly address: Expression; readonly widthBits: LocationWidth } | undefined {
  switch (instruction.op) {
    case 'load':
    case 'store':
    case 'rmw':
    case 'load-reserved':
    case 'store-conditional':
      return instruction;
    case 'lock':
    case 'unlock':
      return { address: instruction.address, widthBits: 32 };
    default:
      return undefined;
  }
}

/** Registers that hold one address all the time. */
function fixedPointers({ initial, instructions }: Thread): ReadonlyMap<number, Pointer> {
  const pointers = new Map<number, Pointer>();
  for (const { register, value } of initial) {
    if (value.kind === 'address') pointers.set(register, { location: value.location, offset: 0n });
  }
  for (const instruction of instructions) {
    for (const register of written(instruction)) pointers.delete(register);
  }
  return pointers;
}

function written(instruction: Instruction): readonly number[] {
  switch (instruction.op) {
    case 'load':
    case 'load-reserved':
    case 'assign':
      return [instruction.into];
    case 'rmw':
      return instruction.result === undefined ? [] : [instruction.result.into];
    case 'store-conditional':
      return [instruction.status];
    default:
      return [];
  }
}

/** An address, a register that keeps one, or one of these and a number. */
function pointerOf(expression: Expression, pointers: ReadonlyMap<number, Pointer>): Pointer | undefined {
  let base: Pointer | undefined;
  let offset = 0n;
  let isPlain = true;
  walkExpression(expression, (node) => {
    if (node.kind === 'integer') {
      offset += node.value;
    } else if (node.kind === 'binary') {
      isPlain &&= node.operator === 'add';
    } else {
      const pointer = pointerAt(node, pointers);
      isPlain &&= pointer !== undefined && base === undefined;
      base = pointer;
    }
  });
  return isPlain && base !== undefined ? { location: base.location, offset: base.offset + offset } : undefined;
}

function pointerAt(node: Expression, pointers: ReadonlyMap<number, Pointer>): Pointer | undefined {
  if (node.kind === 'address') return { location: node.location, offset: 0n };
  return node.kind === 'register' ? pointers.get(node.register) : undefined;
}
