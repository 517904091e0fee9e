import { type Field, fieldsByPosition } from '../../models/entry-layout.ts';
import { defaultCapabilities } from '../../models/vtd/capabilities.ts';
import { type PasidEntryValues, pasidEntry, pasidTableType } from '../../models/vtd/entries/pasid-entry.ts';
import { type Problem, unknownName, wrong } from './problem.ts';
import type { VtdWorld } from './schema.ts';
import { hasFirst, hasSecond, type WorldDomain } from './shared-tables.ts';

const pgttOfStage = {
  first: pasidTableType.first,
  second: pasidTableType.second,
  nested: pasidTableType.nested,
  'pass-through': pasidTableType.passThrough,
} as const;

/** Fields that the domain says in another way, and how. */
const saidElsewhere: Readonly<Record<string, string>> = {
  P: 'tasks and start.attach make an entry present',
  DID: 'it is the did of the domain',
  SSPTPTR: 'it is where the tables of the domain are',
  FSPTPTR: 'it is where the tables of the domain are',
};

const fieldsBySpec: ReadonlyMap<string, Field> = new Map(
  fieldsByPosition(pasidEntry)
    .filter(({ spec }) => !Object.hasOwn(saidElsewhere, spec))
    .map((field) => [field.spec, field]),
);

/** The fields of `entry` under the names that entries are encoded with; a world with other names was refused. */
export function entryValues(entry: WorldDomain['entry']): PasidEntryValues {
  return Object.fromEntries(
    Object.entries(entry).map(([spec, value]) => [fieldsBySpec.get(spec)?.name ?? spec, value]),
  );
}

/** What is wrong with the fields that a domain's PASID entry is to have: hardware would refuse it, or tables not fit. */
export function checkEntryFields(world: VtdWorld, name: string, domain: WorldDomain): readonly Problem[] {
  const fields = Object.entries(domain.entry);
  if (fields.length > 0 && world.platform.iommu.mode === 'legacy') {
    const path = ['domains', name, 'entry'];
    return [
      { path, part: 'key', message: 'legacy mode has no PASID entries', hint: 'set platform.iommu.mode: scalable' },
    ];
  }
  return fields.flatMap(([spec, value]) => checkField(world, { name, domain, spec, value }));
}

interface EntryField {
  readonly name: string;
  readonly domain: WorldDomain;
  readonly spec: string;
  readonly value: number;
}

function checkField(world: VtdWorld, { name, domain, spec, value }: EntryField): readonly Problem[] {
  const path = ['domains', name, 'entry', spec];
  const elsewhere = Object.hasOwn(saidElsewhere, spec) ? saidElsewhere[spec] : undefined;
  if (elsewhere !== undefined) {
    return [{ path, part: 'key', message: `${spec} is not set here: ${elsewhere}` }];
  }
  const field = fieldsBySpec.get(spec);
  if (field === undefined) {
    return [{ path, part: 'key', ...unknownName('field of a PASID entry', spec, [...fieldsBySpec.keys()]) }];
  }
  if (value >= 2 ** field.widthBits) {
    return [
      wrong(path, `${spec} has ${field.widthBits} bit${field.widthBits === 1 ? '' : 's'} and cannot hold ${value}`),
    ];
  }
  const capabilities = new Map(Object.entries({ ...defaultCapabilities, ...world.platform.iommu.capabilities }));
  const missing = field.reservedUnless.filter((capability) => capabilities.get(capability) === 0);
  if (value !== 0 && missing.length > 0) {
    return [wrong(path, `${spec} is reserved, as the unit does not have ${missing.join(' and ')}`)];
  }
  const message = refusal(domain, spec, value);
  return message === undefined ? [] : [wrong(path, message)];
}

/** Values that hardware takes for invalid (fault 5Bh), or that do not fit the four levels of the domain's tables. */
function refusal({ stage }: WorldDomain, spec: string, value: number): string | undefined {
  switch (spec) {
    case 'PGTT':
      if (value === pgttOfStage[stage]) return undefined;
      return value === 0 || value > 4
        ? `PGTT ${value} is reserved`
        : `PGTT ${value} is not that of stage ${stage}, ${pgttOfStage[stage]}`;
    case 'AW':
      return hasSecond(stage) && value !== 2
        ? `a second-stage table here has four levels, which is AW 2, not ${value}`
        : undefined;
    case 'FSPM':
      if (value > 1) return `FSPM ${value} is reserved`;
      return hasFirst(stage) && value !== 0 ? 'a first-stage table here has four levels, which is FSPM 0' : undefined;
    default:
      return undefined;
  }
}
