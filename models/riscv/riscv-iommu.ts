import type { Arena } from '../../sim/arena.ts';
import { assert, unmodelled } from '../../sim/assert.ts';
import type { Kernel } from '../../sim/kernel.ts';
import type { Operation } from '../../sim/operation.ts';
import { EngineStep } from '../engine-step.ts';
import { getField } from '../entry-layout.ts';
import type { EntryRegistry } from '../entry-registry.ts';
import type { DeviceTlbPort } from '../iommu/device-tlb-port.ts';
import type { Iommu } from '../iommu/iommu.ts';
import { walkPhase } from '../iommu/request-latch.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { SystemTrace } from '../trace-events.ts';
import { makeCaches, type RiscvCaches } from './caches.ts';
import { CommandQueue } from './command-queue.ts';
import { DirectoryPointer } from './directory-pointer.ts';
import { deviceContext, deviceContextBytes } from './entries/device-context.ts';
import { ddtEntry } from './entries/directory-entry.ts';
import { RequestState } from './request-state.ts';
import type { RiscvConfig } from './riscv-config.ts';
import { RiscvWalker } from './riscv-walker.ts';

/** Sources of requests that one IOMMU can tell apart: a fence keeps those it waits for as bits of one word. */
export const maxRiscvWalkers = 31;

/** Offsets of the registers that drivers use in a run (RISC-V IOMMU, Memory-mapped register interface). */
export const riscvRegister = {
  capabilities: 0,
  fctl: 8,
  ddtp: 16,
  cqb: 24,
  cqh: 32,
  cqt: 36,
  cqcsr: 72,
  ipsr: 84,
} as const;

const registerNames: ReadonlyMap<number, string> = new Map(
  Object.entries(riscvRegister).map(([name, offset]) => [offset, name]),
);

export interface RiscvIommuPorts {
  readonly arena: Arena;
  readonly kernel: Kernel;
  readonly memory: PhysicalMemory;
  readonly registry: EntryRegistry;
  readonly trace: SystemTrace;
  readonly deviceTlbs: DeviceTlbPort;
  /** Physical address of the command queue, a page. */
  readonly queueAddress: number;
}

/** What the registers hold when the run begins. */
export interface RiscvPreset {
  /** ddtp.iommu_mode, see `ddtpMode`. */
  readonly mode: number;
  /** Physical address of the root of the device directory. */
  readonly directory: number;
  /** cqen and cqon. */
  readonly queueIsOn: boolean;
  /** cie. */
  readonly queueInterrupts: boolean;
}

/** One RISC-V IOMMU: caches, a walker for each source of requests, and the command queue. */
export class RiscvIommu implements Iommu {
  readonly queue: CommandQueue;
  /** Names of its engines, once they are added. */
  readonly engineNames: string[] = [];
  readonly #config: RiscvConfig;
  readonly #ports: RiscvIommuPorts;
  readonly #caches: RiscvCaches;
  readonly #ddtp: DirectoryPointer;
  readonly #requests: RequestState[] = [];

  constructor(config: RiscvConfig, ports: RiscvIommuPorts) {
    const { arena, trace, memory, deviceTlbs } = ports;
    this.#config = config;
    this.#ports = ports;
    this.#caches = makeCaches(arena, trace, config);
    this.#ddtp = new DirectoryPointer(arena, config);
    this.queue = new CommandQueue(arena, config, ports.queueAddress, {
      arena,
      trace,
      memory,
      deviceTlbs,
      caches: this.#caches,
      ddtp: this.#ddtp,
      requests: this.#requests,
      squashesInFlight: config.squashesInFlight,
      mayUseAts: (deviceId) => this.#mayUseAts(deviceId),
    });
  }

  get timing(): RiscvConfig['timing'] {
    return this.#config.timing;
  }

  /** Sets the registers before the run. */
  preset({ mode, directory, queueIsOn, queueInterrupts }: RiscvPreset): void {
    this.#ddtp.preset(mode, directory);
    this.queue.registers.preset(queueIsOn, queueInterrupts);
  }

  /** Its engines; call after every source of requests has been added. */
  addEngines(): void {
    const add = (name: string, body: Operation<void>): void => {
      this.#ports.kernel.addProcess({ name, kind: 'engine', body });
      this.engineNames.push(name);
    };
    for (const [name, body] of this.queue.steps()) {
      add(name, body);
    }
    add('ddtp change', this.#ddtpStep());
  }

  /** A walker for one source of requests; at most that many. */
  addWalker(name: string): RiscvWalker {
    const { arena, memory, registry, trace } = this.#ports;
    assert(this.#requests.length < maxRiscvWalkers, 'the IOMMU has room for one more source of requests');
    const state = new RequestState(arena, this.#requests.length, `riscv.walk.${name}`, (walker, phase) =>
      this.queue.requestMoved(walker, phase),
    );
    this.#requests.push(state);
    const [config, caches, ddtp] = [this.#config, this.#caches, this.#ddtp];
    return new RiscvWalker({ arena, memory, registry, trace, config, caches, ddtp }, state);
  }

  /** An answer to an ATS invalidation request has come. */
  completeDeviceTlb(sid: number, itag: number, count: number): void {
    this.queue.completeDeviceTlb(sid, itag, count);
  }

  writeRegister(offset: number, words: readonly number[]): void {
    const register = registerNames.get(offset);
    const [word = 0] = words;
    const written = this.#ports.trace.channel('register-written');
    if (register !== undefined && written.active) {
      written.emit({ kind: 'register-written', register, words });
    }
    switch (offset) {
      case riscvRegister.ddtp:
        this.#ddtp.write(words);
        return;
      case riscvRegister.cqb:
        this.queue.writeBase(words);
        return;
      case riscvRegister.cqt:
        this.queue.writeTail(word);
        return;
      case riscvRegister.cqcsr:
        this.queue.writeControl(word);
        return;
      case riscvRegister.ipsr:
        this.queue.registers.clearInterrupts(word);
        return;
      default:
        unmodelled(`a write to RISC-V IOMMU register ${register ?? `0x${offset.toString(16)}`}`);
    }
  }

  /** The words of a register, lowest first. */
  readRegister(offset: number, wordCount: number): readonly number[] {
    const words = this.peekRegister(offset, wordCount);
    const read = this.#ports.trace.channel('register-read');
    if (read.active) {
      read.emit({ kind: 'register-read', register: registerNames.get(offset) ?? '', words });
    }
    return words;
  }

  /** The same for guards of steps, which no one sees. */
  peekRegister(offset: number, wordCount: number): readonly number[] {
    const value = this.#registerValue(offset);
    return Array.from({ length: wordCount }, (_, i) => value[i] ?? 0);
  }

  #registerValue(offset: number): readonly number[] {
    switch (offset) {
      case riscvRegister.ddtp:
        return this.#ddtp.words;
      case riscvRegister.cqb:
        return this.queue.base;
      case riscvRegister.cqh:
        return [this.queue.head];
      case riscvRegister.cqt:
        return [this.queue.tail];
      case riscvRegister.cqcsr:
        return [this.queue.registers.value];
      case riscvRegister.ipsr:
        return [this.queue.registers.pendingInterrupts];
      default:
        return unmodelled(`a read of RISC-V IOMMU register 0x${offset.toString(16)}`);
    }
  }

  #ddtpStep(): Operation<void> {
    return new EngineStep('a change of ddtp', this.#config.timing.invalidation, {
      ready: () => this.#ddtp.busy && (!this.#ddtp.drainsRequests || this.#isQuiet()),
      work: () => this.#ddtp.change(),
    });
  }

  #isQuiet(): boolean {
    return this.#requests.every(({ phase }) => phase === walkPhase.idle);
  }

  /** EN_ATS of a device's context: the cached one, else that in memory; an invalid one has none. */
  #mayUseAts(deviceId: number): boolean {
    const { arena } = this.#ports;
    const { ddt } = this.#caches;
    const row = ddt.find((r) => ddt.sid(r) === deviceId);
    const index = row === -1 ? this.#contextIndex(deviceId) : ddt.payloadBase(row);
    const { valid, enableAts } = deviceContext.fields;
    return index !== -1 && getField(valid, arena.words, index) === 1 && getField(enableAts, arena.words, index) === 1;
  }

  /** Arena index of a device's context in memory, -1 if the directory leads to none. */
  #contextIndex(deviceId: number): number {
    const { arena, memory } = this.#ports;
    let { table } = this.#ddtp;
    for (let level = this.#ddtp.levels - 1; level > 0; level -= 1) {
      const address = table + this.#ddtp.offsetOf(deviceId, level);
      if (!memory.contains(address, 8)) {
        return -1;
      }
      const index = memory.walkIndex(address);
      if (getField(ddtEntry.fields.valid, arena.words, index) === 0) {
        return -1;
      }
      table = getField(ddtEntry.fields.table, arena.words, index) * 4096;
    }
    const address = table + this.#ddtp.offsetOf(deviceId, 0);
    const isThere = this.#ddtp.levels > 0 && memory.contains(address, deviceContextBytes[this.#config.deviceContext]);
    return isThere ? memory.walkIndex(address) : -1;
  }
}
