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
  send(request: DeviceTlbInvalidation): void;
  /**
   * Whether a request to this function may stay without its answer for ever, as far as the machine goes that was built:
   * no such function, or one that can die, be removed or be reset in a run. Only such a request has a completion timer,
   * so that a function that always answers is never beaten by the timer in a search, which leaves times out.
   */
  mayStaySilent(sid: number): boolean;
}

/** A machine without endpoints: whatever is sent is lost. */
export const noDeviceTlbs: DeviceTlbPort = { send: () => {}, mayStaySilent: () => true };
