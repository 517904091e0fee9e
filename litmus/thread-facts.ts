import { registersIn } from './expression.ts';
import type { Expression, Instruction, LitmusTest, Thread } from './program.ts';

/** What is known of a thread at each instruction, and behind the last, without running it. */
export interface ThreadFacts {
  /** Registers that code from here on uses, as bits. */
  readonly live: readonly number[];
  /** Locations that code from here on may load from, as bits of their index; -1: any. */
  readonly loaded: readonly number[];
}

/** Branches go forward only, so one pass from the end is enough. */
export function factsOf(thread: Thread, { locations }: Pick<LitmusTest, 'locations'>, observed: number): ThreadFacts {
  const { instructions } = thread;
  const live = new Array<number>(instructions.length + 1).fill(0);
  const loaded = new Array<number>(instructions.length + 1).fill(0);
  live[instructions.length] = observed;
  const resolve = resolver(thread, locations.length);
  for (let i = instructions.length - 1; i >= 0; i -= 1) {
    const instruction = instructions[i] as Instruction;
    const after = live[i + 1] as number;
    live[i] = (after & ~writtenBy(instruction)) | usedBy(instruction);
    loaded[i] = (loaded[i + 1] as number) | loadedBy(instruction, resolve);
    if (instruction.op === 'branch') {
      live[i] = (live[i] as number) | (live[instruction.target] as number);
      loaded[i] = (loaded[i] as number) | (loaded[instruction.target] as number);
    }
  }
  return { live, loaded };
}

function loadedBy(instruction: Instruction, resolve: (address: Expression) => number): number {
  switch (instruction.op) {
    case 'load':
    case 'rmw':
    case 'load-reserved':
    case 'store-conditional':
    case 'lock':
      return resolve(instruction.address);
    default:
      return 0;
  }
}

/** Registers an instruction may write; of one that may leave it as it is, none. */
function writtenBy(instruction: Instruction): number {
  switch (instruction.op) {
    case 'load':
    case 'load-reserved':
    case 'assign':
      return 1 << instruction.into;
    case 'store-conditional':
      return 1 << instruction.status;
    case 'rmw':
      return instruction.result === undefined ? 0 : 1 << instruction.result.into;
    default:
      return 0;
  }
}

/** Registers whose values an instruction takes. */
export function usedBy(instruction: Instruction): number {
  switch (instruction.op) {
    case 'load':
    case 'load-reserved':
    case 'lock':
    case 'unlock':
      return registersIn(instruction.address);
    case 'store':
    case 'store-conditional':
      return registersIn(instruction.address) | registersIn(instruction.value);
    case 'rmw':
      return (
        registersIn(instruction.address) |
        registersIn(instruction.value) |
        (instruction.expected === undefined ? 0 : registersIn(instruction.expected)) |
        (instruction.result === undefined ? 0 : registersIn(instruction.result.value))
      );
    case 'assign':
      return registersIn(instruction.value);
    case 'branch':
      return registersIn(instruction.condition);
    default:
      return 0;
  }
}

/** Which location an address is in, as a bit, where that can be seen; -1 where it cannot. */
function resolver(thread: Thread, locationCount: number): (address: Expression) => number {
  const any = -1;
  const constants = new Map<number, number>();
  for (const { register, value } of thread.initial) {
    if (value.kind === 'address' && !thread.instructions.some((each) => (writtenBy(each) & (1 << register)) !== 0)) {
      constants.set(register, value.location);
    }
  }
  const locationOf = (address: Expression): number | undefined => {
    switch (address.kind) {
      case 'address':
        return address.location;
      case 'register':
        return constants.get(address.register);
      case 'binary':
        return address.operator === 'add' && (isZero(address.right) || address.right.kind === 'integer')
          ? locationOf(address.left)
          : undefined;
      default:
        return undefined;
    }
  };
  return (address) => {
    const location = locationOf(address);
    return location === undefined || locationCount > 31 ? any : 1 << location;
  };
}

/** A false dependency: `r ^ r`. */
function isZero(expression: Expression): boolean {
  return (
    expression.kind === 'binary' &&
    expression.operator === 'xor' &&
    expression.left.kind === 'register' &&
    expression.right.kind === 'register' &&
    expression.left.register === expression.right.register
  );
}
