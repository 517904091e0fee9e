export interface MemoryRange {
  readonly address: number;
  readonly byteCount: number;
}
