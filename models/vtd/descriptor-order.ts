import { descriptorType } from './descriptors.ts';

/** Which earlier descriptors a later one waits for (VT-d 6.5.2.12); a wait has a rule of its own. */
export type DescriptorOrder = Readonly<Record<number, readonly number[]>>;

const { context, pasidCache, iotlb, piotlb, interruptEntry } = descriptorType;

const asListed: DescriptorOrder = {
  [pasidCache]: [context],
  [iotlb]: [context, pasidCache],
  [piotlb]: [context, pasidCache],
  [descriptorType.deviceTlb]: [iotlb, interruptEntry],
  [descriptorType.pasidDeviceTlb]: [iotlb, piotlb, interruptEntry],
};

/**
 * The list of section 6.5.2.12, and what it leaves out if hardware has it all the same: a plain device-TLB invalidation
 * is not listed as ordered after a PASID-based IOTLB invalidation (UNVERIFIED on hardware).
 */
export function descriptorOrder(deviceTlbWaitsForPiotlb: boolean): DescriptorOrder {
  return deviceTlbWaitsForPiotlb
    ? { ...asListed, [descriptorType.deviceTlb]: [iotlb, piotlb, interruptEntry] }
    : asListed;
}
