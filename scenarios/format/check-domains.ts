import { notPresent } from '../../models/linux/flow-definition.ts';
import { checkEntryFields } from './check-entry-fields.ts';
import { checkMap } from './check-map.ts';
import { type Problem, reference, wrong } from './problem.ts';
import type { VtdWorld } from './schema.ts';
import { hasFirst, hasSecond, sharedNames, sharedTables, type WorldDomain } from './shared-tables.ts';

/** Four levels of tables; the upper half of a first-stage range is not canonical. */
const mappedBits = { first: 47, nested: 47, second: 48, 'pass-through': 48 } as const;

/** Address bits that the tables of a domain map; 0: it has none. */
export function vtdMappedBits({ stage }: Pick<WorldDomain, 'stage'>): number {
  return stage === 'pass-through' ? 0 : mappedBits[stage];
}

/** What is wrong with domains: names, maps, tables shared, and fields of the entry. */
export function checkDomains(world: VtdWorld): readonly Problem[] {
  return Object.entries(world.domains).flatMap(([name, domain]) => [
    ...checkName(name),
    ...checkId(world, name, domain),
    ...checkMap(name, domain, mappedBits[domain.stage]),
    ...checkSharing(world, name, domain),
    ...checkEntryFields(world, name, domain),
  ]);
}

/** A flow and `start.attach` take this name for an entry that leads to no domain. */
function checkName(name: string): readonly Problem[] {
  return name === notPresent
    ? [{ path: ['domains', name], part: 'key', message: `"${notPresent}" is no name of a domain` }]
    : [];
}

/** With caching mode DID 0 stands for what is not present (VT-d 6.2.2.1, 6.2.3.1). */
function checkId({ platform }: VtdWorld, name: string, { did }: WorldDomain): readonly Problem[] {
  return platform.iommu.capabilities.CM === 1 && did === 0
    ? [wrong(['domains', name, 'did'], 'with CM: 1 the DID 0 is reserved', 'give the domain another one')]
    : [];
}

function checkSharing(world: VtdWorld, name: string, domain: WorldDomain): readonly Problem[] {
  const { sameTables } = domain;
  if (sameTables === undefined || (typeof sameTables !== 'string' && Object.keys(sameTables).length === 0)) {
    return [];
  }
  const path = ['domains', name, 'sameTables'];
  const known = Object.keys(world.domains);
  const named = typeof sameTables === 'string' ? { '': sameTables } : sameTables;
  const unknown = Object.entries(named).flatMap(([stage, other]) =>
    other === undefined ? [] : reference('domain', other, known, stage === '' ? path : [...path, stage]),
  );
  if (unknown.length > 0) {
    return unknown;
  }
  const shared = sharedTables(world, domain);
  if (sharedNames(shared).length === 0) {
    return [wrong(path, `"${name}" and the domain it names have no stage in common`)];
  }
  if (isInCycle(world, name)) {
    return [wrong(path, `the tables of "${name}" would be those of itself`, 'let one of the domains have its own')];
  }
  return [...checkStages(world, name, domain), ...checkMapOfShared(world, name, domain)];
}

function checkStages(world: VtdWorld, name: string, domain: WorldDomain): readonly Problem[] {
  const { first, second } = sharedTables(world, domain);
  const path = ['domains', name, 'sameTables'];
  const stageOf = (other: string): WorldDomain['stage'] | undefined => world.domains[other]?.stage;
  const problems: Problem[] = [];
  if (first !== undefined && !(hasFirst(domain.stage) && hasFirst(stageOf(first)))) {
    problems.push(wrong(path, `"${name}" and "${first}" do not both have a first stage`));
  } else if (first !== undefined && domain.stage === 'first' && stageOf(first) === 'nested') {
    const message = `the first-stage table of "${first}" holds guest addresses, and "${name}" has no second stage`;
    problems.push(wrong(path, message, `let "${first}" have the tables of "${name}"`));
  }
  if (second !== undefined && !(hasSecond(domain.stage) && hasSecond(stageOf(second)))) {
    problems.push(wrong(path, `"${name}" and "${second}" do not both have a second stage`));
  } else if (second !== undefined && mapsOneToOne(world, name) !== mapsOneToOne(world, second)) {
    // Their second stages map the same guest addresses, each to another page.
    problems.push(wrong(path, `a first stage shared with one that is not nested needs a second stage mapped 1:1`));
  }
  return problems;
}

/** Whether the guest addresses of a domain are host addresses, as it has the first-stage table of one that is not nested. */
function mapsOneToOne(world: VtdWorld, name: string, seen: readonly string[] = []): boolean {
  const domain = world.domains[name];
  if (domain === undefined || domain.stage !== 'nested' || seen.includes(name)) {
    return false;
  }
  const { first } = sharedTables(world, domain);
  return (
    first !== undefined && (world.domains[first]?.stage === 'first' || mapsOneToOne(world, first, [...seen, name]))
  );
}

/** IOVAs go through the first stage, if there is one: whose table is shared is mapped there. */
function checkMapOfShared(world: VtdWorld, name: string, domain: WorldDomain): readonly Problem[] {
  const { first, second } = sharedTables(world, domain);
  const other = hasFirst(domain.stage) ? first : second;
  const isMappedThere = other !== undefined && (hasFirst(domain.stage) || world.domains[other]?.stage === 'second');
  return isMappedThere && Object.keys(domain.map).length > 0
    ? [
        {
          path: ['domains', name, 'map'],
          part: 'key',
          message: `"${name}" has the tables of "${other}", with all that is mapped in them`,
          hint: `map it in "${other}"`,
        },
      ]
    : [];
}

function isInCycle(world: VtdWorld, name: string): boolean {
  const seen = new Set<string>();
  const visit = (at: string): boolean => {
    const domain = world.domains[at];
    if (domain === undefined || seen.has(at)) {
      return false;
    }
    seen.add(at);
    return sharedNames(sharedTables(world, domain)).some((other) => other === name || visit(other));
  };
  return visit(name);
}
