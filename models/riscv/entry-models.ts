import type { EntryModel } from '../entry-registry.ts';
import type { RiscvStructure } from '../trace-events.ts';
import {
  type DeviceContextFormat,
  deviceContextBytes,
  usedDeviceContextBits,
  usedExtendedDeviceContextBits,
} from './entries/device-context.ts';
import { usedDirectoryEntryBits } from './entries/directory-entry.ts';
import { usedPageTableEntryBits } from './entries/page-table-entry.ts';
import { processContext, usedProcessContextBits } from './entries/process-context.ts';

/** The structures of a RISC-V IOMMU, as the entry registry wants to know them. */
export function riscvEntryModels(format: DeviceContextFormat): Readonly<Record<RiscvStructure, EntryModel>> {
  const doubleword = (structure: RiscvStructure, usedBits: EntryModel['usedBits']): EntryModel => ({
    structure,
    wordCount: 2,
    usedBits,
  });
  return {
    'riscv-ddt-entry': doubleword('riscv-ddt-entry', usedDirectoryEntryBits),
    'riscv-device-context': {
      structure: 'riscv-device-context',
      wordCount: deviceContextBytes[format] / 4,
      usedBits: format === 'base' ? usedDeviceContextBits : usedExtendedDeviceContextBits,
    },
    'riscv-pdt-entry': doubleword('riscv-pdt-entry', usedDirectoryEntryBits),
    'riscv-process-context': {
      structure: 'riscv-process-context',
      wordCount: processContext.wordCount,
      usedBits: usedProcessContextBits,
    },
    'riscv-first-stage-pte': doubleword('riscv-first-stage-pte', usedPageTableEntryBits),
    'riscv-second-stage-pte': doubleword('riscv-second-stage-pte', usedPageTableEntryBits),
  };
}
