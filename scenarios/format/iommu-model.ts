import type { IommuModel } from '../../models/linux/flow-definition.ts';
import { nodeAt, type YamlMap, type YamlScalar } from './yaml-node.ts';

const known: readonly IommuModel[] = ['vtd', 'riscv'];
/** Values of `platform.iommu.model`. */
export const iommuModels: readonly string[] = known;

/** What the file says the IOMMU is; undefined if it says no word. */
export function iommuModelOf(root: YamlMap): YamlScalar | undefined {
  const model = nodeAt(root, ['platform', 'iommu', 'model']);
  return model?.kind === 'scalar' ? model : undefined;
}
