import type { Cpu } from '../../models/memory/cpu.ts';
import type { CpuTiming } from '../../models/memory/cpu-operations.ts';
import { Cell, WordArray } from '../../sim/containers.ts';
import type { Kernel } from '../../sim/kernel.ts';
import type { StepContext } from '../../sim/operation.ts';
import { Checkpoint, type Flow, Note } from '../../sim/operation.ts';
import { MemoryWorld } from './memory-world.ts';
import type { Program, ProgramStep } from './random-programs.ts';
import { Act } from './tiny-world.ts';

export interface ProgramWorldOptions {
  /** False: every step may happen at any moment. */
  readonly hasWindows: boolean;
  /** Tasks forget what they know after every step; all that matters is in memory. */
  readonly hasCheckpoints: boolean;
  /** Tasks begin again when they are through, so that states come again; needs checkpoints. */
  readonly isEndless: boolean;
  /** What the device has left to read is in its word of the arena; otherwise in its body, and so in its history. */
  readonly hasLocals: boolean;
}

type Device = NonNullable<Program['device']>;

const registersPerTask = 3;
const lockAddress = 0x400;
const any = { minNs: 0, maxNs: Number.POSITIVE_INFINITY };

/** A program made into processes. What tasks and device see is kept in the arena, so that a state says all there is. */
export class ProgramWorld {
  readonly kernel: Kernel;
  readonly #program: Program;
  readonly #options: ProgramWorldOptions;
  readonly #memory: MemoryWorld;
  readonly #registers: WordArray;
  readonly #deviceSaw: WordArray;
  readonly #broken: Cell;

  constructor(program: Program, options: ProgramWorldOptions) {
    const { tasks, memoryModel, storeBufferEntries } = program;
    this.#program = program;
    this.#options = options;
    const timing = (cpu: number): CpuTiming => {
      const { minNs, maxNs } = this.#window(cpu);
      return { stepNs: minNs, preemptMaxNs: maxNs };
    };
    this.#memory = new MemoryWorld(memoryModel, { storeBufferEntries, timing });
    this.kernel = this.#memory.kernel;
    const { arena } = this.#memory;
    this.#registers = new WordArray(arena, 'registers', tasks.length * registersPerTask);
    this.#deviceSaw = new WordArray(arena, 'device saw', 2);
    this.#broken = new Cell(arena, 'broken rules');
    if (program.hardwareFirst) this.#addHardware();
    for (const [cpu, steps] of tasks.entries()) {
      this.#memory.task(cpu, (own) => this.#body(own, { number: cpu, steps }, 0));
    }
    if (!program.hardwareFirst) this.#addHardware();
    this.kernel.seal();
  }

  /** The state in words: memory, registers, rules broken. */
  get outcome(): string {
    const { words } = this.#memory.arena;
    const memory = Array.from({ length: this.#program.wordCount }, (_, i) =>
      this.#memory.qword(addressOf(i)).toString(16),
    );
    const part = ({ base, length }: WordArray): string => words.subarray(base, base + length).join(' ');
    return `${memory.join(' ')} | ${part(this.#registers)} | ${part(this.#deviceSaw)} | ${words[this.#broken.index]}`;
  }

  #window(place: number): { readonly minNs: number; readonly maxNs: number } {
    return this.#options.hasWindows ? (this.#program.windows[place] ?? any) : any;
  }

  *#body(cpu: Cpu, task: { readonly number: number; readonly steps: readonly ProgramStep[] }, from: number): Flow {
    let first = from;
    do {
      for (let i = first; i < task.steps.length; i += 1) {
        if (this.#options.hasCheckpoints) {
          yield new Checkpoint(i, () => this.#body(cpu, task, i));
        }
        yield* this.#perform(cpu, task.number, task.steps[i] as ProgramStep);
      }
      first = 0;
    } while (this.#options.isEndless);
  }

  *#perform(cpu: Cpu, task: number, step: ProgramStep): Flow {
    switch (step.kind) {
      case 'store':
        yield this.#store(cpu, step);
        break;
      case 'load':
        yield this.#keep(task, step.register, yield* cpu.load64(addressOf(step.word)));
        break;
      case 'branch':
        if ((yield* cpu.load64(addressOf(step.word))) === BigInt(step.value)) {
          yield this.#perform(cpu, task, step.ifEqual);
        }
        break;
      case 'copy':
        yield cpu.store64(addressOf(step.to), yield* cpu.load64(addressOf(step.from)));
        break;
      case 'barrier':
        yield cpu.barrier('smp_mb');
        break;
      case 'exchange': {
        const exchange = { widthBits: 64, expected: 0n, desired: BigInt(step.desired) } as const;
        yield this.#keep(task, step.register, yield* cpu.compareExchange(addressOf(step.word), exchange));
        break;
      }
      case 'locked':
        yield cpu.lock(lockAddress, 'lock');
        yield this.#perform(cpu, task, step.step);
        yield cpu.unlock(lockAddress);
        break;
      case 'wait':
        yield cpu.waitForWord(addressOf(step.word), step.value, `word ${step.word} to be ${step.value}`);
        break;
      case 'check':
        if ((yield* cpu.load32(addressOf(step.word))) === BigInt(step.value)) {
          yield new Note('check', () => this.#break(`${step.word} is ${step.value}`, step.stops));
        }
        break;
    }
  }

  #store(cpu: Cpu, { word, half, value }: ProgramStep & { readonly kind: 'store' }) {
    const address = addressOf(word);
    return half === 'both'
      ? cpu.store64(address, BigInt(value))
      : cpu.store32(half === 'low' ? address : address + 4, BigInt(value));
  }

  #keep(task: number, register: number, value: bigint): Note {
    return new Note('keep', () => this.#registers.set(task * registersPerTask + register, foldedOf(value)));
  }

  #break(message: string, stops: boolean): void {
    this.#broken.set(this.#broken.get() | (stops ? 1 : 2));
    this.kernel.violate({ rule: stops ? 'stops' : 'goes-on', message, source: 'test' }, stops);
  }

  #addHardware(): void {
    const { device, engine, optional, tasks } = this.#program;
    if (device !== undefined) {
      this.#memory.device(() => (this.#options.hasLocals ? this.#device(device) : this.#forgetfulDevice(device)));
    }
    if (engine !== undefined) {
      const [index, window] = [this.#memory.memory.cpuIndex(addressOf(engine.word)), this.#window(tasks.length + 1)];
      const { arena } = this.#memory;
      const guard = (): boolean => arena.get(index) === engine.value;
      const body = new Act('clear', { ...window, guard, act: () => arena.put(index, 0) });
      this.kernel.addProcess({ name: 'engine', kind: 'engine', body });
    }
    if (optional !== undefined) {
      this.#addOptional(optional);
    }
  }

  *#device({ words, stops }: Device): Flow {
    const read = new Act('device read', {
      ...this.#deviceWindow,
      act: (context) => {
        const left = words.map((_, i) => i).filter((i) => (context.local & (1 << i)) === 0);
        const place = left[context.choose('quantum', left.length)] as number;
        context.local |= 1 << place;
        this.#deviceRead({ words, stops, place, isLast: left.length === 1 });
      },
    });
    for (const _ of words) yield read;
  }

  *#forgetfulDevice({ words, stops }: Device): Flow {
    let left = words.map((_, i) => i);
    while (left.length > 0) {
      const places = left;
      const taken: unknown = yield new Act('device read', {
        ...this.#deviceWindow,
        act: (context) => {
          const place = places[context.choose('quantum', places.length)] as number;
          this.#deviceRead({ words, stops, place, isLast: places.length === 1 });
          return place;
        },
      });
      left = left.filter((place) => place !== taken);
    }
  }

  get #deviceWindow(): { readonly minNs: number; readonly maxNs: number } {
    return this.#window(this.#program.tasks.length);
  }

  #deviceRead({ words, stops, place, isLast }: Device & { readonly place: number; readonly isLast: boolean }): void {
    this.#deviceSaw.set(place, foldedOf(this.#memory.qword(addressOf(words[place] as number))));
    if (isLast && this.#deviceSaw.get(0) !== this.#deviceSaw.get(1)) {
      this.#break('torn', stops);
    }
  }

  #addOptional({ word, values }: { readonly word: number; readonly values: readonly number[] }): void {
    const left = new Cell(this.#memory.arena, 'optional steps left', 1);
    const act = (context: StepContext): void => {
      left.set(0);
      const value = values[context.choose('optional value', values.length)] as number;
      this.#memory.memory.write(addressOf(word), [value], 0, 1);
    };
    const window = this.#window(this.#program.tasks.length + 2);
    const body = new Act('optional store', { ...window, guard: () => left.get() > 0, act });
    this.kernel.addProcess({ name: 'optional', kind: 'optional', body });
  }
}

function addressOf(word: number): number {
  return 0x100 + 8 * word;
}

/** Both halves of a small value in one word. */
function foldedOf(value: bigint): number {
  return Number(value & 0xffffn) + Number(value >> 32n) * 0x1_0000;
}
