import { type Problem, reference, wrong } from './problem.ts';
import type { VtdWorld } from './schema.ts';
import type { InlineInvalidation } from './steps-schema.ts';

type Path = readonly PropertyKey[];

/** What is wrong with one invalidation of a `submit` step, beyond its form. */
export function checkInvalidation(world: VtdWorld, invalidation: InlineInvalidation, path: Path): readonly Problem[] {
  if ('context' in invalidation) {
    return checkDevice(world, invalidation.context.device, [...path, 'context', 'device']);
  }
  for (const kind of ['device-tlb', 'pasid-device-tlb'] as const) {
    const deviceTlb = (invalidation as Partial<Record<typeof kind, DeviceTlbRange>>)[kind];
    if (deviceTlb !== undefined) {
      return checkDeviceTlb(world, deviceTlb, [...path, kind]);
    }
  }
  if ('piotlb' in invalidation) {
    return checkRange(invalidation.piotlb, [...path, 'piotlb']);
  }
  return 'iotlb' in invalidation ? checkRange(invalidation.iotlb, [...path, 'iotlb']) : [];
}

function checkDevice(world: VtdWorld, device: string, path: Path): readonly Problem[] {
  return reference('device', device, Object.keys(world.platform.devices), path);
}

type DeviceTlbRange = { readonly device: string } & Omit<Range, 'hint'>;

/** Of a function without ATS nobody would answer (VT-d 4.3). */
function checkDeviceTlb(world: VtdWorld, { device, ...range }: DeviceTlbRange, path: Path): readonly Problem[] {
  const at = [...path, 'device'];
  const unknown = checkDevice(world, device, at);
  const hasAts = unknown.length === 0 && world.platform.devices[device]?.ats !== false;
  return [
    ...unknown,
    ...(unknown.length > 0 || hasAts ? [] : [wrong(at, `"${device}" has no device TLB`, atsHint(device))]),
    ...checkRange(range, path),
  ];
}

export function atsHint(device: string): string {
  return `set platform.devices.${device}.ats: true`;
}

interface Range {
  readonly address?: number | undefined;
  readonly addressMask?: number | undefined;
  readonly hint?: boolean | undefined;
}

/** A page-selective invalidation names an aligned range (VT-d 6.5.2.3, 6.5.2.4). */
function checkRange({ address, addressMask = 0, ...range }: Range, path: Path): readonly Problem[] {
  if (address === undefined) {
    const key = range.hint === undefined ? 'addressMask' : 'hint';
    const isOfRange = range.hint !== undefined || addressMask !== 0;
    const message = `${key} is of a page-selective invalidation`;
    return isOfRange ? [{ path: [...path, key], part: 'key', message, hint: 'give the address of the range too' }] : [];
  }
  const bytes = 4096 * 2 ** addressMask;
  const start = address - (address % bytes);
  const hint = `the range begins at 0x${start.toString(16)}`;
  return start === address
    ? []
    : [wrong([...path, 'address'], `a range of ${bytes / 4096} pages is aligned to its size`, hint)];
}
