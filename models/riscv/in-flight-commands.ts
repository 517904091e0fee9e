import type { Arena } from '../../sim/arena.ts';
import { unmodelled } from '../../sim/assert.ts';
import { Fifo } from '../../sim/containers.ts';
import type { StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import { getField } from '../entry-layout.ts';
import type { DeviceTlbPort } from '../iommu/device-tlb-port.ts';
import type { ItagPool } from '../iommu/itag-pool.ts';
import type { TraceEvent } from '../trace-events.ts';
import { commandType, commandWords, deviceTlbOperands, typeOfCommand } from './commands.ts';
import { pageGroupResponse } from './entries/commands.ts';
import { type InvalidationPorts, invalidate } from './invalidations.ts';
import type { RiscvConfig } from './riscv-config.ts';

const column = { stage: 0, slot: 1, itag: 2, words: 3 } as const;
/** `answering`: an endpoint has been asked. */
const stage = { fetched: 0, answering: 1 } as const;
const capacity = 8;

export interface InFlightCommandPorts extends InvalidationPorts {
  readonly deviceTlbs: DeviceTlbPort;
  readonly itags: ItagPool;
}

/**
 * The commands but IOFENCE.C that have been fetched and are not complete, oldest first. They execute in any order
 * (RISC-V IOMMU, Command-queue), or each after the one before it has begun.
 */
export class InFlightCommands {
  readonly #config: RiscvConfig;
  readonly #ports: InFlightCommandPorts;
  readonly #rows: Fifo;
  readonly #sent: Channel<Extract<TraceEvent, { kind: 'device-tlb-request' }>>;
  readonly #lost: Channel<Extract<TraceEvent, { kind: 'descriptor-lost' }>>;
  readonly #responses: Channel<Extract<TraceEvent, { kind: 'page-group-response' }>>;

  constructor(arena: Arena, config: RiscvConfig, ports: InFlightCommandPorts) {
    this.#config = config;
    this.#ports = ports;
    this.#rows = new Fifo(arena, 'riscv.in-flight', capacity, column.words + commandWords);
    this.#sent = ports.trace.channel('device-tlb-request');
    this.#lost = ports.trace.channel('descriptor-lost');
    this.#responses = ports.trace.channel('page-group-response');
  }

  get isFull(): boolean {
    return this.#rows.isFull;
  }

  get isEmpty(): boolean {
    return this.#rows.length === 0;
  }

  /** Takes a command that was fetched from a slot and found legal. */
  add(slot: number, words: readonly number[]): void {
    const row = this.#rows.push();
    this.#rows.set(row, column.slot, slot);
    for (let i = 0; i < commandWords; i += 1) {
      this.#rows.set(row, column.words + i, words[i] as number);
    }
  }

  /** How many could execute now. */
  get movableCount(): number {
    let count = 0;
    for (let row = 0; row < this.#rows.length; row += 1) {
      count += this.#isMovable(row) ? 1 : 0;
    }
    return count;
  }

  /** Executes one of those that can; an ATS.INVAL is then on its way. */
  executeOne(context: StepContext): void {
    let rank = context.choose('command order', this.movableCount);
    for (let row = 0; row < this.#rows.length; row += 1) {
      if (this.#isMovable(row)) {
        if (rank === 0) {
          this.#execute(row);
          return;
        }
        rank -= 1;
      }
    }
  }

  /** The endpoint has answered in full. */
  answered(itag: number): void {
    this.#rows.remove(this.#rowOf(itag));
  }

  /** The endpoint has not answered in time: the command is over (RISC-V IOMMU, ATS commands). */
  timedOut(itag: number): void {
    const row = this.#rowOf(itag);
    this.#noteLost(row);
    this.#rows.remove(row);
  }

  /** The queue stops: each command that was fetched is executed in the end, or never (RISC-V IOMMU, cqcsr). */
  abortSome(context: StepContext): void {
    for (let row = this.#rows.length - 1; row >= 0; row -= 1) {
      const isFetched = this.#rows.get(row, column.stage) === stage.fetched;
      if (isFetched && context.choose('execution after an error', 2) === 1) {
        this.#noteLost(row);
        this.#rows.remove(row);
      }
    }
  }

  #isMovable(row: number): boolean {
    if (this.#rows.get(row, column.stage) === stage.answering) {
      return false;
    }
    const mayGo = this.#config.commandOrder === 'any' || this.#allBeforeHaveBegun(row);
    return mayGo && (this.#typeOf(row) !== commandType.atsInval || this.#ports.itags.hasFree);
  }

  #allBeforeHaveBegun(row: number): boolean {
    for (let earlier = 0; earlier < row; earlier += 1) {
      if (this.#rows.get(earlier, column.stage) === stage.fetched) {
        return false;
      }
    }
    return true;
  }

  #execute(row: number): void {
    const type = this.#typeOf(row);
    if (type === commandType.atsInval) {
      this.#askEndpoint(row);
      return;
    }
    if (type === commandType.atsPrgr) {
      this.#respond(row);
    } else {
      invalidate(this.#ports, this.#wordsBase(row));
    }
    this.#rows.remove(row);
  }

  #askEndpoint(row: number): void {
    const { itags, deviceTlbs, arena } = this.#ports;
    const request = deviceTlbOperands(arena.words, this.#wordsBase(row));
    const { sid, pasid, global, firstPage, pageCount } = request;
    const itag = itags.take(sid);
    this.#rows.set(row, column.stage, stage.answering);
    this.#rows.set(row, column.itag, itag);
    if (this.#sent.active) {
      const pages = Number.isFinite(pageCount) ? pageCount : 0;
      this.#sent.emit({ kind: 'device-tlb-request', sid, pasid, global, page: firstPage, pages, itag });
    }
    deviceTlbs.send({ ...request, itag });
    if (!deviceTlbs.someMayStaySilent && deviceTlbs.mayStaySilent(sid, itag)) {
      unmodelled(`an ATS.INVAL to requester 0x${sid.toString(16)}, which has no device TLB`);
    }
  }

  /** The answer to a page request goes out to its function; nobody here waits for one. */
  #respond(row: number): void {
    if (this.#responses.active) {
      const { fields } = pageGroupResponse;
      const base = this.#wordsBase(row);
      const at = (field: keyof typeof fields): number => getField(fields[field], this.#ports.arena.words, base);
      this.#responses.emit({
        kind: 'page-group-response',
        sid: at('rid') + at('segmentValid') * at('segment') * 0x1_0000,
        pasid: at('pidValid') === 1 ? at('pid') : -1,
        code: at('response'),
        group: at('group'),
      });
    }
  }

  #noteLost(row: number): void {
    if (this.#lost.active) {
      const words = Array.from({ length: commandWords }, (_, i) => this.#rows.get(row, column.words + i) >>> 0);
      this.#lost.emit({ kind: 'descriptor-lost', slot: this.#rows.get(row, column.slot), words });
    }
  }

  #rowOf(itag: number): number {
    let row = 0;
    while (this.#rows.get(row, column.stage) !== stage.answering || this.#rows.get(row, column.itag) !== itag) {
      row += 1;
    }
    return row;
  }

  #typeOf(row: number): number {
    return typeOfCommand(this.#ports.arena.words, this.#wordsBase(row));
  }

  #wordsBase(row: number): number {
    return this.#rows.indexOf(row, column.words);
  }
}
