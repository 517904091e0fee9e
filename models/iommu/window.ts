/** A window of time in ns: how long something takes at least and at most. */
export interface Window {
  readonly minNs: number;
  readonly maxNs: number;
}
