import type { VtdWorld } from './schema.ts';

export type WorldDomain = VtdWorld['domains'][string];

/** Names of the domains whose first-stage and second-stage tables a domain has instead of its own. */
export interface SharedTables {
  readonly first?: string;
  readonly second?: string;
}

/** What `sameTables` comes to: one name stands for all tables that both domains have. */
export function sharedTables({ domains }: VtdWorld, { stage, sameTables }: WorldDomain): SharedTables {
  if (typeof sameTables !== 'string') {
    const { first, second } = sameTables ?? {};
    return { ...(first === undefined ? {} : { first }), ...(second === undefined ? {} : { second }) };
  }
  const other = Object.hasOwn(domains, sameTables) ? domains[sameTables] : undefined;
  return {
    ...(hasFirst(stage) && hasFirst(other?.stage) ? { first: sameTables } : {}),
    ...(hasSecond(stage) && hasSecond(other?.stage) ? { second: sameTables } : {}),
  };
}

/** The domains named, each once. */
export function sharedNames({ first, second }: SharedTables): readonly string[] {
  return [...new Set([first, second])].filter((name) => name !== undefined);
}

export function hasFirst(stage: WorldDomain['stage'] | undefined): boolean {
  return stage === 'first' || stage === 'nested';
}

export function hasSecond(stage: WorldDomain['stage'] | undefined): boolean {
  return stage === 'second' || stage === 'nested';
}

/** All domains, each behind those whose tables it shares; a world with a cycle was refused. */
export function domainsInOrder(world: VtdWorld): readonly string[] {
  const ordered = new Set<string>();
  const add = (name: string): void => {
    const domain = world.domains[name];
    if (domain !== undefined && !ordered.has(name)) {
      for (const other of sharedNames(sharedTables(world, domain))) {
        add(other);
      }
      ordered.add(name);
    }
  };
  for (const name of Object.keys(world.domains)) {
    add(name);
  }
  return [...ordered];
}
