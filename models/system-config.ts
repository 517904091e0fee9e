import type { RunLimits } from '../sim/violation.ts';
import type { QueueGeneration } from './linux/vtd/queue-fault-check.ts';
import type { CpuTiming } from './memory/cpu-operations.ts';
import type { MemoryModelName } from './memory/memory-model.ts';
import type { StoreBufferConfig } from './memory/tso-core.ts';
import type { VtdConfig } from './vtd/vtd-config.ts';

/** Which kernel the driver flows are of, where that is one choice for them all. */
interface LinuxConfig {
  readonly queuedInvalidation: QueueGeneration;
}

/** Every choice about a simulated machine, filled: nothing inside models/ has a default of its own. */
export interface SystemConfig {
  readonly limits: RunLimits;
  readonly memoryModel: MemoryModelName;
  readonly memoryPages: number;
  /** ECAP.C: whether table walks see CPU caches. */
  readonly coherentWalks: boolean;
  /** Lines that caches may write back of their own accord in a run. */
  readonly evictionLimit: number;
  readonly storeBuffer: StoreBufferConfig;
  readonly cpu: CpuTiming;
  readonly vtd: VtdConfig;
  readonly linux: LinuxConfig;
  /** Table entries that software may own at once. */
  readonly trackedEntries: number;
}
