import { accessKind, type Fence, type LoadOrder, type StoreOrder } from './access-order.ts';
import { barrierMeaning, barrierNames } from './barriers.ts';
import { accessNames, loadMeaning, registerReadMeaning, rmwMeaning, storeMeaning } from './kernel-accesses.ts';
import { type MemoryModelName, memoryModelNames } from './memory-model.ts';

/** One line of `tornread list --barriers`: what a kernel primitive is on one machine. */
interface PrimitiveMeaning {
  readonly model: MemoryModelName;
  readonly instruction: string;
  /** What it keeps in order, in words. */
  readonly orders: string;
}

export interface KernelPrimitive {
  readonly name: string;
  readonly meanings: readonly PrimitiveMeaning[];
}

/** `sc` has an order for everything, and `non-mca` is `portable` but for how stores spread. */
const listed = memoryModelNames.filter((model) => model !== 'sc' && model !== 'non-mca');

interface Meaning {
  readonly instruction: string;
  readonly fences: readonly (Fence | undefined)[];
  readonly orders: readonly string[];
}

/** Every primitive that flows and tests can name, in the order of the tables of models. */
export function kernelPrimitives(): readonly KernelPrimitive[] {
  return [
    ...barrierNames.map((name) =>
      primitive(name, (model) => {
        const { instruction, fence } = barrierMeaning(name, model);
        return { instruction, fences: [fence], orders: [] };
      }),
    ),
    ...accessNames.loads.map((name) =>
      primitive(name, (model) => {
        const { instruction, order, after } = loadMeaning(name, model);
        return { instruction, fences: [after], orders: [loadText(order)] };
      }),
    ),
    ...accessNames.stores.map((name) =>
      primitive(name, (model) => {
        const { instruction, before, order } = storeMeaning(name, model);
        return { instruction, fences: [before], orders: [storeText(order)] };
      }),
    ),
    primitive('readl', (model) => {
      const { instruction, after } = registerReadMeaning(model);
      return { instruction, fences: [after], orders: [] };
    }),
    ...accessNames.rmws.map((name) =>
      primitive(rmwNames[name], (model) => {
        const { instruction, before, order, after } = rmwMeaning(name, model);
        const orders = order.isFull ? ['all before it, before all after it'] : [];
        const parts = order.isFull ? [] : [loadText(order.load), storeText(order.store)];
        return { instruction, fences: [before, after], orders: [...orders, ...parts] };
      }),
    ),
  ];
}

const rmwNames = {
  full: 'cmpxchg, xchg, atomic_*_return',
  relaxed: 'cmpxchg_relaxed, xchg_relaxed, atomic_*_return_relaxed, atomic_inc',
  acquire: 'cmpxchg_acquire, xchg_acquire, atomic_*_return_acquire',
  release: 'cmpxchg_release, xchg_release, atomic_*_return_release',
  spin_lock: 'spin_lock',
} as const;

function primitive(name: string, meaningOf: (model: MemoryModelName) => Meaning): KernelPrimitive {
  return {
    name,
    meanings: listed.map((model) => {
      const { instruction, fences, orders } = meaningOf(model);
      const texts = [...fences.flatMap(fenceText), ...orders.filter((text) => text !== '')];
      return { model, instruction, orders: texts.length === 0 ? ownOrder(model) : texts.join('; ') };
    }),
  };
}

function ownOrder(model: MemoryModelName): string {
  return model === 'x86-tso' ? 'all but w before r, by itself' : 'nothing';
}

function loadText(order: LoadOrder): string {
  return order === 'relaxed' ? '' : 'the load before all after it';
}

function storeText(order: StoreOrder): string {
  return order === 'relaxed' ? '' : 'all before it, before the store';
}

const kinds = [
  ['read', 'r'],
  ['write', 'w'],
  ['input', 'i'],
  ['output', 'o'],
] as const;

/** `r,w before w`: earlier accesses of the left kinds, later ones of the right; i and o are device registers. */
function fenceText(fence: Fence | undefined): readonly string[] {
  const byAfter = new Map<number, string[]>();
  for (const [kind, letter] of kinds) {
    const after = fence?.[kind] ?? 0;
    if (after !== 0) {
      byAfter.set(after, [...(byAfter.get(after) ?? []), letter]);
    }
  }
  return [...byAfter].map(([after, before]) => {
    const later = kinds.filter(([kind]) => (after & accessKind[kind]) !== 0).map(([, letter]) => letter);
    return `${before.join(',')} before ${later.join(',')}`;
  });
}
