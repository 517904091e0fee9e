/** A request of a device for memory. */
export interface DmaRequest {
  readonly sid: number;
  /** -1: a request without PASID. */
  readonly pasid: number;
  readonly iova: number;
  readonly write: boolean;
}

/**
 * What a cached translation remembers of the access that filled it: it proves no more permission than that one needed.
 */
export function accessOf({ write }: Pick<DmaRequest, 'write'>): number {
  return write ? 2 : 1;
}
