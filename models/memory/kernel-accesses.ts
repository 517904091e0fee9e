import { accessKind, type Fence, fenceOf, type LoadOrder, type RmwOrder, type StoreOrder } from './access-order.ts';
import type { MemoryModelName } from './memory-model.ts';

/** What an access under its kernel name is on one machine: an instruction of its own order between two fences. */
interface AccessMeaning<Order> {
  readonly instruction: string;
  readonly before?: Fence;
  readonly order: Order;
  readonly after?: Fence;
}

export type LoadMeaning = AccessMeaning<LoadOrder>;
export type StoreMeaning = AccessMeaning<StoreOrder>;
export type RmwMeaning = AccessMeaning<RmwOrder>;

type Machines<Meaning> = Record<Exclude<MemoryModelName, 'non-mca'>, Meaning>;

const { read, write, input, output } = accessKind;

const plainLoad = (instruction: string): LoadMeaning => ({ instruction, order: 'relaxed' });
const plainStore = (instruction: string): StoreMeaning => ({ instruction, order: 'relaxed' });
const ordinary = 'an ordinary load or store';

/** Loads (v7.0: asm/barrier.h, asm/rwonce.h, asm/io.h, asm/mmio.h). */
const loads = {
  READ_ONCE: {
    sc: plainLoad('load'),
    'x86-tso': plainLoad('mov'),
    rvwmo: plainLoad('ld'),
    armv8: plainLoad('ldr'),
    portable: plainLoad(ordinary),
  },
  smp_load_acquire: {
    sc: plainLoad('load'),
    'x86-tso': plainLoad('mov'),
    rvwmo: { instruction: 'ld; fence r,rw', order: 'relaxed', after: fenceOf(read, read | write) },
    armv8: { instruction: 'ldar', order: 'acquire-rcsc' },
    portable: { instruction: '(in common)', order: 'acquire' },
  },
} as const satisfies Record<string, Machines<LoadMeaning>>;

const stores = {
  WRITE_ONCE: {
    sc: plainStore('store'),
    'x86-tso': plainStore('mov'),
    rvwmo: plainStore('sd'),
    armv8: plainStore('str'),
    portable: plainStore(ordinary),
  },
  smp_store_release: {
    sc: plainStore('store'),
    'x86-tso': plainStore('mov'),
    rvwmo: { instruction: 'fence rw,w; sd', before: fenceOf(read | write, write), order: 'relaxed' },
    armv8: { instruction: 'stlr', order: 'release-rcsc' },
    portable: { instruction: '(in common)', order: 'release' },
  },
  spin_unlock: {
    sc: plainStore('store'),
    'x86-tso': plainStore('mov'),
    rvwmo: { instruction: 'fence rw,w; sh', before: fenceOf(read | write, write), order: 'relaxed' },
    armv8: { instruction: 'stlrb', order: 'release-rcsc' },
    // On every machine an unlock comes before a later lock of the same CPU, whichever lock that is.
    portable: { instruction: '(in common)', order: 'release-rcsc' },
  },
  writel: {
    sc: plainStore('store'),
    'x86-tso': plainStore('mov'),
    rvwmo: { instruction: 'fence w,o; sw', before: fenceOf(write, output), order: 'relaxed' },
    armv8: { instruction: 'dmb oshst; str', before: fenceOf(write | output, write | output), order: 'relaxed' },
    portable: {
      instruction: '(in common)',
      before: fenceOf(write, output),
      order: 'relaxed',
    },
  },
  writel_relaxed: {
    sc: plainStore('store'),
    'x86-tso': plainStore('mov'),
    rvwmo: plainStore('sw'),
    armv8: plainStore('str'),
    portable: plainStore(ordinary),
  },
} as const satisfies Record<string, Machines<StoreMeaning>>;

/** readl has no value to choose, so it is the fence behind it that matters. */
const registerReads = {
  sc: plainLoad('load'),
  'x86-tso': plainLoad('mov'),
  rvwmo: { instruction: 'lw; fence i,ir', order: 'relaxed', after: fenceOf(input, input | read) },
  armv8: { instruction: 'ldr; dmb oshld', order: 'relaxed', after: fenceOf(input | read, 15) },
  portable: { instruction: '(in common)', order: 'relaxed', after: fenceOf(input, input | read) },
} as const satisfies Machines<LoadMeaning>;

const full: RmwOrder = { load: 'acquire-rcsc', store: 'release-rcsc', isFull: true };
const relaxed: RmwOrder = { load: 'relaxed', store: 'relaxed', isFull: false };
const acquire: RmwOrder = { load: 'acquire-rcsc', store: 'relaxed', isFull: false };
const release: RmwOrder = { load: 'relaxed', store: 'release-rcsc', isFull: false };
/** RCpc: no more than acquire and release. */
const portableAcquire: RmwOrder = { load: 'acquire', store: 'relaxed', isFull: false };
const portableRelease: RmwOrder = { load: 'relaxed', store: 'release', isFull: false };

const locked: RmwMeaning = { instruction: 'lock-prefixed', order: full };
const atOnce: RmwMeaning = { instruction: 'one step', order: full };
const inCommon = '(in common)';

/** Read-modify-writes: cmpxchg, xchg and the atomics that return a value (asm/cmpxchg.h, asm/atomic.h, asm/atomic_lse.h). */
const rmws = {
  full: {
    sc: atOnce,
    'x86-tso': locked,
    rvwmo: { instruction: 'lr; sc.rl; fence rw,rw, or amo.aqrl', order: full },
    armv8: { instruction: 'casal, swpal, ldaddal', order: full },
    portable: { instruction: inCommon, order: full },
  },
  relaxed: {
    sc: atOnce,
    'x86-tso': locked,
    rvwmo: { instruction: 'lr; sc, or amo', order: relaxed },
    armv8: { instruction: 'cas, swp, ldadd', order: relaxed },
    portable: { instruction: inCommon, order: relaxed },
  },
  acquire: {
    sc: atOnce,
    'x86-tso': locked,
    rvwmo: { instruction: 'lr; sc; fence r,rw', order: relaxed, after: fenceOf(read, read | write) },
    armv8: { instruction: 'casa, swpa, ldadda', order: acquire },
    portable: { instruction: inCommon, order: portableAcquire },
  },
  release: {
    sc: atOnce,
    'x86-tso': locked,
    // The fence has to be over before the write, which is at once: as a release it waits for the earlier stores.
    rvwmo: { instruction: 'fence rw,w; lr; sc', before: fenceOf(read | write, write), order: portableRelease },
    armv8: { instruction: 'casl, swpl, ldaddl', order: release },
    portable: { instruction: inCommon, order: portableRelease },
  },
  spin_lock: {
    sc: atOnce,
    'x86-tso': locked,
    rvwmo: { instruction: 'amoadd.aqrl', order: full },
    armv8: { instruction: 'casa', order: acquire },
    portable: { instruction: inCommon, order: acquire },
  },
} as const satisfies Record<string, Machines<RmwMeaning>>;

export type LoadName = keyof typeof loads;
export type StoreName = keyof typeof stores;
export type RmwName = keyof typeof rmws;

function machineOf(model: MemoryModelName): Exclude<MemoryModelName, 'non-mca'> {
  return model === 'non-mca' ? 'portable' : model;
}

export function loadMeaning(name: LoadName, model: MemoryModelName): LoadMeaning {
  return loads[name][machineOf(model)];
}

export function storeMeaning(name: StoreName, model: MemoryModelName): StoreMeaning {
  return stores[name][machineOf(model)];
}

export function rmwMeaning(name: RmwName, model: MemoryModelName): RmwMeaning {
  return rmws[name][machineOf(model)];
}

export function registerReadMeaning(model: MemoryModelName): LoadMeaning {
  return registerReads[machineOf(model)];
}

/** Rows of `tornread list --barriers` that are accesses, in the order of the table. */
export const accessNames = {
  loads: Object.keys(loads) as readonly LoadName[],
  stores: Object.keys(stores) as readonly StoreName[],
  rmws: Object.keys(rmws) as readonly RmwName[],
} as const;
