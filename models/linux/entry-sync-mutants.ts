import type { EntrySetChange, Phase } from './entry-sync.ts';

/** Ways to get entry_sync wrong, and what each is; scenarios show which of them hardware notices. */
export const entrySyncMutants = {
  none: 'as the library does it',
  'no-preload-sync': 'no sync after unused bits are preloaded',
  'no-critical-sync': 'no sync after the critical quantum is switched',
  'no-clean-sync': 'no sync after bits that became unused are cleaned',
  'no-break-sync': 'disruptive: no sync after the valid quantum is zeroed',
  'no-fill-sync': 'disruptive: no sync after the other quanta are written',
  'no-make-sync': 'disruptive: no sync after the valid quantum is written',
  'no-preload': 'unused bits are not preloaded: they come with the cleaning',
  'critical-first': 'the critical quantum is switched before the preload',
  'clean-first': 'bits that become unused are cleaned before the critical quantum is switched',
  'fill-first': 'disruptive: the other quanta are written before the valid quantum is zeroed',
  'break-valid-bit-only': 'disruptive: the valid bit is cleared, not its whole quantum',
  'descending-stores': 'within a batch the highest quantum is stored first',
} as const;

export type EntrySyncMutant = keyof typeof entrySyncMutants;

/** How a mutant changes the sets of the library; the order inside a batch is an option of the planner. */
export function entrySetChange(mutant: EntrySyncMutant): EntrySetChange {
  switch (mutant) {
    case 'none':
    case 'descending-stores':
      return (sets) => sets;
    case 'no-preload-sync':
      return withoutSync('preload');
    case 'no-critical-sync':
      return withoutSync('critical');
    case 'no-clean-sync':
      return withoutSync('clean');
    case 'no-break-sync':
      return withoutSync('break');
    case 'no-fill-sync':
      return withoutSync('fill');
    case 'no-make-sync':
      return withoutSync('make');
    case 'no-preload':
      return (sets) => sets.filter(({ phase }) => phase !== 'preload');
    case 'critical-first':
      return moveBefore('critical', 'preload');
    case 'clean-first':
      return cleanFirst;
    case 'fill-first':
      return moveBefore('fill', 'break');
    case 'break-valid-bit-only':
      return breakValidBitOnly;
  }
}

function withoutSync(phase: Phase): EntrySetChange {
  return (sets) => sets.map((set) => (set.phase === phase ? { ...set, syncs: false } : set));
}

function moveBefore(moved: Phase, before: Phase): EntrySetChange {
  return (sets) => {
    const rest = sets.filter(({ phase }) => phase !== moved);
    const at = Math.max(
      0,
      rest.findIndex(({ phase }) => phase === before),
    );
    return [...rest.slice(0, at), ...sets.filter(({ phase }) => phase === moved), ...rest.slice(at)];
  };
}

/** Cleaning comes before the switch, and leaves the critical quantum to it. */
const cleanFirst: EntrySetChange = (sets, entry) => {
  const critical = sets.find(({ phase }) => phase === 'critical')?.values[0]?.quantum;
  const changed = sets.map((set) =>
    set.phase === 'clean' ? { ...set, values: set.values.filter(({ quantum }) => quantum !== critical) } : set,
  );
  return moveBefore('clean', 'critical')(changed, entry);
};

const breakValidBitOnly: EntrySetChange = (sets, { current, rules }) =>
  sets.map((set) =>
    set.phase === 'break'
      ? {
          ...set,
          values: set.values.map(({ quantum }) => ({
            quantum,
            value: (current[quantum] as bigint) & ~rules.validBit,
          })),
        }
      : set,
  );
