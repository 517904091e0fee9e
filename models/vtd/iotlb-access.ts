import type { StepContext } from '../../sim/operation.ts';
import { accessOf } from '../iommu/dma-request.ts';
import { walkPhase } from '../iommu/request-latch.ts';
import { provenanceSlots } from '../iommu/translation-cache.ts';
import { WalkStep } from '../iommu/walk-step.ts';
import { deviceTlbFault, latchedDid, latchedPgtt, latchedPointer } from './latched-translation.ts';
import type { PasidLookup } from './pasid-lookup.ts';
import type { TableReader } from './table-reader.ts';

/** No address and no fault: the tables have to say. */
export const notTranslated = -0xffff;

/** Looks translations up in the IOTLB and fills it (VT-d 6.2.4, 6.2.1 Table 17). */
export class IotlbAccess {
  /** Output address, or {@link notTranslated}. */
  readonly lookUp: WalkStep;
  /** The same for a translation request, which comes to the unit with this look-up. */
  readonly lookUpForDeviceTlb: WalkStep;
  /** Installs {@link output}. */
  readonly fill: WalkStep;
  /** Output address of the walk, in bytes; set before {@link fill} is yielded. */
  output = 0;
  readonly #reader: TableReader;
  readonly #pasidLookup: PasidLookup;

  constructor(reader: TableReader, pasidLookup: PasidLookup) {
    this.#reader = reader;
    this.#pasidLookup = pasidLookup;
    const { lookup } = reader.ports.config.timing;
    this.lookUp = new WalkStep('the IOTLB', lookup, () => this.find());
    this.lookUpForDeviceTlb = new WalkStep('the IOTLB', lookup, () => {
      reader.state.moveTo(walkPhase.context);
      return this.find(true);
    });
    this.fill = new WalkStep('the IOTLB fill', lookup, (step) => this.#install(step));
  }

  /**
   * Output address on a hit. Look-up tags are those of VT-d 6.2.1 Table 17; comparing the DID too is a knob. What was
   * filled under a context entry without DTE answers no translation request.
   */
  find(forDeviceTlb = false): number {
    const { ports, state, request } = this.#reader;
    const { caches, config, arena } = ports;
    const { iotlb } = caches;
    const { sid, pasid, iova } = request;
    const comparesDid = config.iotlbLookupComparesDid && !config.iotlbFirst;
    const did = comparesDid ? latchedDid(this.#reader) : 0;
    const page = Math.floor(iova / 4096);
    const row = iotlb.find(
      (r) =>
        iotlb.sid(r) === sid &&
        iotlb.hasPasid(r) === pasid >= 0 &&
        (pasid < 0 || iotlb.pasid(r) === pasid) &&
        iotlb.page(r) === page &&
        (!comparesDid || iotlb.did(r) === did),
    );
    if (row === -1) {
      return notTranslated;
    }
    const payload = iotlb.payloadBase(row);
    const rights = arena.get(payload + 2);
    if ((rights & ~deviceTlbRight) !== accessOf(request) || (forDeviceTlb && (rights & deviceTlbRight) === 0)) {
      // Filled by an access of the other kind: the page may allow this one too, so the walk decides.
      return notTranslated;
    }
    iotlb.noteHit(row, iova);
    state.didTag.set(iotlb.did(row) + 1);
    state.pasidTag.set(iotlb.pasid(row) + 1);
    state.pgttTag.set(iotlb.space(row) + 1);
    for (let slot = 0; slot < provenanceSlots; slot += 1) {
      state.setProvenance(slot, iotlb.provenance(row, slot));
    }
    state.moveTo(walkPhase.access);
    return ((arena.get(payload) >>> 0) + arena.get(payload + 1) * 0x1_0000_0000) * 4096 + (iova % 4096);
  }

  #install(step: StepContext): number {
    const { ports, state, request, isScalable } = this.#reader;
    const { caches, config } = ports;
    const { sid, pasid, iova } = request;
    const tablePasid = isScalable ? this.#pasidLookup.pasid : 0;
    const { pasidCache } = caches;
    const cached =
      config.iotlbTagFrom === 'pasid-cache'
        ? pasidCache.find((r) => pasidCache.sid(r) === sid && pasidCache.pasid(r) === tablePasid)
        : -1;
    const did = cached === -1 ? latchedDid(this.#reader) : pasidCache.did(cached);
    state.moveTo(walkPhase.access);
    if (state.mustNotCache.get() === 1) {
      return 0;
    }
    const frame = Math.floor(this.output / 4096);
    const rights = accessOf(request) | (deviceTlbFault(this.#reader) === 0 ? deviceTlbRight : 0);
    const payload = [frame | 0, Math.floor(frame / 0x1_0000_0000), rights];
    caches.iotlb.fill(
      step,
      { sid, pasid: tablePasid, hasPasid: pasid >= 0, did, space: latchedPgtt(this.#reader), iova },
      {
        payload: { length: payload.length, word: (i) => payload[i] as number },
        pointer: latchedPointer(this.#reader),
        provenance: (slot) => state.provenance(slot),
      },
    );
    return 0;
  }
}

/** Beside the access: the context entry lets the function cache the translation itself. */
const deviceTlbRight = 4;
