import type { Flow } from '../../sim/operation.ts';
import type { Cpu } from '../memory/cpu.ts';
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

/** What a flow runs with: its CPU and the driver it is part of. */
export interface FlowEnvironment {
  readonly cpu: Cpu;
  readonly vtd: VtdDriver;
}

export interface FlowDefinition {
  readonly name: string;
  readonly summary: string;
  /** The mail, commit or document the sequence comes from. */
  readonly source: string;
  /** The mode whose tables it writes; left out where its parameters say so, or both have them. */
  readonly mode?: 'legacy' | 'scalable';
  readonly parameters: Readonly<Record<string, ParameterSpec>>;
  start(environment: FlowEnvironment, values: Readonly<Record<string, unknown>>): Flow;
}

/** Ties the types of the arguments to the parameter table; the scenario format has checked the values against it. */
export function defineFlow<const P extends Record<string, ParameterSpec>>(definition: {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  readonly mode?: 'legacy' | 'scalable';
  readonly parameters: P;
  readonly start: (environment: FlowEnvironment, values: FlowArguments<P>) => Flow;
}): FlowDefinition {
  return {
    ...definition,
    start: (environment, values) => definition.start(environment, values as FlowArguments<P>),
  };
}
