import type { Flow } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import { everyPage, type InvalidationDescriptor } from '../../vtd/descriptors.ts';
import type { Device, VtdDriver } from './vtd-driver.ts';

export interface FlushedDeviceTlb {
  /** Name of the device. */
  readonly device: string;
  /** 0 is RID_PASID: what the device caches for requests without PASID. */
  readonly pasid: number;
}

/**
 * devtlb_invalidation_with_pasid of drivers/iommu/intel/pasid.c: all that the device has cached for a PASID, in a batch
 * of its own. Nothing for a device whose ATS is off.
 */
export function* flushDeviceTlb(vtd: VtdDriver, cpu: Cpu, { device: name, pasid }: FlushedDeviceTlb): Flow {
  const device = vtd.device(name);
  if (device.ats) {
    yield vtd.queue.submitSync(cpu, [deviceTlbInvalidation(device, pasid)]);
  }
}

/** Every page (VT-d 6.5.3.3: S = 1, ADDR = 7FFFFFFF_FFFFFh). */
const allPages = { address: 0, addressMask: everyPage };

/** Pages, or all of them, of one PASID, or of requests without one. */
export function deviceTlbInvalidation(
  { sid }: Pick<Device, 'sid'>,
  pasid: number,
  pages: { readonly address: number; readonly addressMask: number } = allPages,
): InvalidationDescriptor {
  const range = { sid, pfsid: sid, maxInvalidationsPending: 0, ...pages };
  return pasid === 0
    ? { kind: 'device-tlb', ...range }
    : { kind: 'pasid-device-tlb', pasid, globalPasid: false, ...range };
}
