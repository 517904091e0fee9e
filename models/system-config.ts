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

/** Every choice about a simulated machine but for its IOMMU, filled: nothing inside models/ has a default of its own. */
export interface SystemConfig {
  readonly limits: RunLimits;
  readonly memoryModel: MemoryModelName;
  readonly memoryPages: number;
  /** Whether table walks of the IOMMU see CPU caches (VT-d ECAP.C). */
  readonly coherentWalks: boolean;
  /** Stores stay in a write buffer of the chipset that walks do not see through (VT-d CAP.RWBF). */
  readonly hasWriteBuffer: boolean;
  /** Lines that caches may write back of their own accord in a run. */
  readonly evictionLimit: number;
  readonly storeBuffer: StoreBufferConfig;
  readonly cpu: CpuTiming;
  /** Table entries that software may own at once. */
  readonly trackedEntries: number;
}

/** A machine with a VT-d unit; CAP.RWBF says whether there is a write buffer. */
export interface VtdSystemConfig extends Omit<SystemConfig, 'hasWriteBuffer'> {
  readonly vtd: VtdConfig;
  readonly linux: LinuxConfig;
}
