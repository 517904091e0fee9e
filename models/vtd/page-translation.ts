import { type Flow, Note } from '../../sim/operation.ts';
import type { DmaRequest } from '../iommu/dma-request.ts';
import { PageWalk, type SecondStage } from '../iommu/page-walk.ts';
import { pasidTableType } from './entries/pasid-entry.ts';
import { latchedShape, type WalkShape } from './latched-translation.ts';
import { type VtdPagingFormats, vtdPagingFormats } from './paging-formats.ts';
import type { TableReader } from './table-reader.ts';
import { pagingStructures } from './walk-caches.ts';

const guestAddressTooWide = 0x74;

/** The page walks that the entry in the latch asks for: first stage, second stage, both or none (VT-d 3.5 to 3.8). */
export class PageTranslation {
  readonly #reader: TableReader;
  readonly #pageWalk: PageWalk;
  readonly #formats: VtdPagingFormats;
  readonly #shape: Note<WalkShape>;

  constructor(reader: TableReader) {
    this.#reader = reader;
    const { arena, memory, registry, trace, config } = reader.ports;
    // Scalable-mode page walks snoop by SMPWC and PWSNP, which drivers set, whatever ECAP.C says (VT-d 9.6).
    const isCoherent = config.mode === 'scalable' && config.capabilities.RWBF === 0;
    const indexOf = (address: number): number => (isCoherent ? memory.cpuIndex(address) : memory.walkIndex(address));
    const ports = { arena, memory, registry, trace, timing: config.timing, indexOf };
    this.#pageWalk = new PageWalk(ports, pagingStructures(reader), (entry, present, reason) =>
      reader.use(entry, present, reason),
    );
    this.#formats = vtdPagingFormats(config);
    this.#shape = new Note('walk shape', () => latchedShape(reader));
  }

  /** Output address, or a negative fault reason. */
  *translate(request: Pick<DmaRequest, 'iova' | 'write'>): Flow<number> {
    const output = (yield this.#walk(request)) as number;
    return isInterruptRange(output) ? -this.#byMode(0x87, 0xe) : output;
  }

  *#walk({ iova: address, write }: Pick<DmaRequest, 'iova' | 'write'>): Flow<number> {
    const shape = (yield this.#shape) as WalkShape;
    const first = { address, write, table: shape.firstTable, levels: shape.firstLevels };
    const second = { table: shape.secondTable, levels: shape.secondLevels };
    const refused = this.#addressFault(address, shape);
    if (refused !== 0) {
      return -refused;
    }
    switch (shape.pgtt) {
      case pasidTableType.first:
        return (yield this.#pageWalk.walk(this.#formats.first, first)) as number;
      case pasidTableType.second:
        return (yield this.#pageWalk.walk(this.#formats.second, { address, write, ...second })) as number;
      case pasidTableType.nested:
        return (yield this.#pageWalk.walk(this.#formats.first, first, this.#through(second))) as number;
      default:
        return address;
    }
  }

  /** Guest addresses of a nested walk, table addresses among them, go through the second stage. */
  #through(second: { table: number; levels: number }): SecondStage {
    const limit = 2 ** Math.min(this.#reader.ports.config.capabilities.MGAW, 12 + 9 * second.levels);
    return (address, write, isTable) =>
      address >= limit
        ? -guestAddressTooWide
        : this.#pageWalk.walk(isTable ? this.#formats.nestedTable : this.#formats.second, {
            address,
            write,
            ...second,
          });
  }

  /** What is wrong with the input address itself (VT-d 7.1.3 Table 30: 80h, 83h, 84h; 4h in legacy mode), or 0. */
  #addressFault(address: number, { pgtt, firstLevels, secondLevels }: WalkShape): number {
    const { HAW, MGAW } = this.#reader.ports.config.capabilities;
    switch (pgtt) {
      case pasidTableType.first:
      case pasidTableType.nested:
        // IOVAs here are below 2^53, so only the lower half of the canonical range can be meant.
        return address >= 2 ** (12 + 9 * firstLevels - 1) ? 0x80 : 0;
      case pasidTableType.second:
        return address >= 2 ** Math.min(MGAW, 12 + 9 * secondLevels) ? this.#byMode(0x84, 0x4) : 0;
      default:
        return address >= 2 ** HAW ? this.#byMode(0x83, 0x4) : 0;
    }
  }

  #byMode(scalableReason: number, legacyReason: number): number {
    return this.#reader.isScalable ? scalableReason : legacyReason;
  }
}

/** FEEx_xxxxh: interrupts, not memory. */
export function isInterruptRange(address: number): boolean {
  return address >= 0xfee0_0000 && address <= 0xfeef_ffff;
}
