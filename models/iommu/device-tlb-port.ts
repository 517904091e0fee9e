/** One ATS invalidation request message (VT-d 4.3, PCIe 10.3.1). */
export interface DeviceTlbInvalidation {
  /** Requester ID of the function it goes to. */
  readonly sid: number;
  /** -1: descriptor type 3, entries without PASID. */
  readonly pasid: number;
  /** GI of type 8: entries of every PASID. */
  readonly global: boolean;
  /** First 4 KB page; 0 when it is every page. */
  readonly firstPage: number;
  /** How many pages; Infinity is every page. */
  readonly pageCount: number;
  readonly itag: number;
}

/** The way to the endpoints: whoever is there takes the request; nobody answers for a function that is not. */
export interface DeviceTlbPort {
  /** Takes a request; the answer, `completeDeviceTlb` of the queue, comes in a later step or never. */
  send(request: DeviceTlbInvalidation): void;
  /**
   * Whether the request that was sent with this ITag may stay without its answer for ever: no such function, or one
   * that can die or be removed. A function of arena words. Only such a request has a completion timer, so that a
   * function that always answers is never beaten by the timer in a search, which leaves times out.
   */
  mayStaySilent(sid: number, itag: number): boolean;
  /** Whether {@link mayStaySilent} may ever be true in this machine; known when it is sealed. */
  readonly someMayStaySilent: boolean;
}
