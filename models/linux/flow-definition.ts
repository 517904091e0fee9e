import { assert } from '../../sim/assert.ts';
import type { Flow } from '../../sim/operation.ts';
import type { Cpu } from '../memory/cpu.ts';
import type { MemoryRange } from '../memory/memory-range.ts';
import type { RiscvDriver } from './riscv/riscv-driver.ts';
import type { VtdDriver } from './vtd/vtd-driver.ts';

/** In place of a domain: the entry is not present. No domain has this name. */
export const notPresent = 'not-present';

/** One parameter of a flow, as data: the scenario format checks it, `tornread list --flows` prints it. */
export type ParameterSpec =
  | { readonly type: 'device'; readonly summary: string }
  | {
      readonly type: 'domain';
      readonly summary: string;
      /** {@link notPresent} is a value too. */
      readonly orNotPresent?: true;
      /** The flow finds the domain ID out itself: the domain may have no `did`. */
      readonly anyDid?: true;
    }
  | { readonly type: 'pasid'; readonly summary: string; readonly default?: number }
  | { readonly type: 'interrupt'; readonly summary: string }
  | { readonly type: 'interrupt-target'; readonly summary: string }
  /** A 4 KB page of the domain that the flow's `domain` names. */
  | { readonly type: 'iova'; readonly summary: string }
  | { readonly type: 'page'; readonly summary: string }
  | { readonly type: 'boolean'; readonly summary: string; readonly default: boolean }
  | {
      readonly type: 'choice';
      readonly summary: string;
      readonly values: readonly string[];
      readonly default?: string;
    };

type ParameterValue<S extends ParameterSpec> = S extends { readonly type: 'pasid' | 'interrupt' | 'iova' }
  ? number
  : S extends { readonly type: 'boolean' }
    ? boolean
    : S extends { readonly type: 'choice'; readonly values: readonly (infer V)[] }
      ? V
      : string;

export type FlowArguments<P extends Record<string, ParameterSpec>> = { readonly [K in keyof P]: ParameterValue<P[K]> };

/** The IOMMU that a driver is for. */
export type IommuModel = 'vtd' | 'riscv';

/** What a flow of the intel-iommu driver runs with: its CPU and the driver it is part of. */
export interface VtdFlowEnvironment {
  readonly cpu: Cpu;
  readonly vtd: VtdDriver;
}

/** The same of the RISC-V IOMMU driver. */
export interface RiscvFlowEnvironment {
  readonly cpu: Cpu;
  readonly riscv: RiscvDriver;
}

export type FlowEnvironment = VtdFlowEnvironment | RiscvFlowEnvironment;

export interface FlowDefinition {
  readonly name: string;
  readonly summary: string;
  /** The mail, commit or document the sequence comes from. */
  readonly source: string;
  readonly iommu: IommuModel;
  /** Of VT-d: the mode whose tables it writes; left out where its parameters say so, or both have them. */
  readonly mode?: 'legacy' | 'scalable';
  readonly parameters: Readonly<Record<string, ParameterSpec>>;
  /** All places in memory that it loads from; undefined: it may load from anywhere. */
  loads(environment: FlowEnvironment, values: Readonly<Record<string, unknown>>): readonly MemoryRange[] | undefined;
  /** In a machine with its IOMMU. */
  start(environment: FlowEnvironment, values: Readonly<Record<string, unknown>>): Flow;
}

type Definition<P extends Record<string, ParameterSpec>, E> = Pick<
  FlowDefinition,
  'name' | 'summary' | 'source' | 'mode'
> & {
  readonly parameters: P;
  readonly start: (environment: E, values: FlowArguments<P>) => Flow;
};

/**
 * A flow of the intel-iommu driver. Ties the types of the arguments to the parameter table; the scenario format has
 * checked the values against it.
 */
export function defineFlow<const P extends Record<string, ParameterSpec>>(
  definition: Definition<P, VtdFlowEnvironment>,
): FlowDefinition {
  return {
    ...definition,
    iommu: 'vtd',
    loads: () => undefined,
    start(environment, values) {
      assert('vtd' in environment, `${definition.name} runs beside VT-d`);
      return definition.start(environment, values as FlowArguments<P>);
    },
  };
}

/** A flow of the RISC-V IOMMU driver, in the same way. */
export function defineRiscvFlow<const P extends Record<string, ParameterSpec>>(
  definition: Omit<Definition<P, RiscvFlowEnvironment>, 'mode'> & {
    readonly loads: (riscv: RiscvDriver, values: FlowArguments<P>) => readonly MemoryRange[];
  },
): FlowDefinition {
  return {
    ...definition,
    iommu: 'riscv',
    loads(environment, values) {
      assert('riscv' in environment, `${definition.name} runs beside a RISC-V IOMMU`);
      return definition.loads(environment.riscv, values as FlowArguments<P>);
    },
    start(environment, values) {
      assert('riscv' in environment, `${definition.name} runs beside a RISC-V IOMMU`);
      return definition.start(environment, values as FlowArguments<P>);
    },
  };
}
