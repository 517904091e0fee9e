import type { AccessWidth, Expression, Instruction, LitmusTest, Thread } from '../../../litmus/program.ts';
import { fenceOf, type LoadOrder, type StoreOrder } from '../../../models/memory/access-order.ts';
import type { Access, FenceMark, Trace } from './execution.ts';
import type { EventSet } from './relation.ts';
import { evaluate, placeOf, registersIn, wordOf } from './values.ts';

export interface Unrolling {
  /** RISC-V: a read-modify-write is one event, that reads and writes; elsewhere two. */
  readonly hasSingleAtomics: boolean;
  /** Kernel C: what stands after an `if` does not depend on its condition; in machine code it does. */
  readonly endsControlAtJoin: boolean;
  /** RISC-V: the result of a store-conditional depends on its store; on Armv8 on nothing. */
  readonly statusDependsOnStore: boolean;
  /** C: a compare-and-swap that fails is a relaxed load; the machines order its load as they are told. */
  readonly relaxesFailure: boolean;
}

/** An instruction of a test; there are no loops, so each is at most one read and one write of an execution. */
export interface Site {
  readonly thread: number;
  readonly instruction: number;
}

export function siteKey({ thread, instruction }: Site): number {
  return thread * 0x10000 + instruction;
}

/** What a read gives: not chosen yet, or chosen but hanging on a value that is not known yet, or a value. */
type ReadValue = 'open' | 'unknown' | bigint;

/** What has been chosen for an execution so far. */
export interface Choosing {
  readValue(site: Site, location: number): ReadValue;
  /** Whether a store-conditional succeeds, where it can. */
  succeeds(site: Site): boolean | 'open';
}

/** One thread gone through as far as its values are known. */
export interface Unrolled {
  readonly trace: Trace;
  /** Which instruction made each access of the trace. */
  readonly sites: readonly number[];
  /** What each writing instruction that was met writes and where, as far as it is known. */
  readonly written: ReadonlyMap<number, { readonly location: number | undefined; readonly value: bigint | undefined }>;
  /** The first read or store-conditional for which a choice has to be made. */
  readonly open: { readonly site: Site; readonly location: number } | undefined;
  /** Instructions before this one have been gone through or jumped over. */
  readonly reached: number;
  /** Some read hangs on a value of a thread that is not known yet. */
  readonly isWaiting: boolean;
  /** Everything is known: this is the trace. */
  readonly isComplete: boolean;
}

interface Progress {
  next: number;
  /** Undefined: not known yet. */
  readonly registers: (bigint | undefined)[];
  /** For each register the accesses that its value depends on. */
  readonly sources: EventSet[];
  /** Branches passed: what they depend on, and where that ends. */
  readonly branches: { readonly sources: EventSet; readonly end: number }[];
  readonly accesses: Access[];
  readonly sites: number[];
  readonly fences: FenceMark[];
  readonly written: Map<number, { readonly location: number | undefined; readonly value: bigint | undefined }>;
  position: number;
  /** The access that the next store-conditional is paired with. */
  reserved: number | undefined;
  open: Unrolled['open'];
  reached: number;
  isWaiting: boolean;
  isComplete: boolean;
}

interface World {
  readonly test: LitmusTest;
  readonly thread: number;
  readonly how: Unrolling;
  readonly choosing: Choosing;
}

export function unroll(test: LitmusTest, thread: number, how: Unrolling, choosing: Choosing): Unrolled {
  const { registers, initial, instructions } = test.threads[thread] as Thread;
  const at: Progress = {
    next: 0,
    registers: registers.map(() => 0n),
    sources: registers.map(() => 0),
    branches: [],
    accesses: [],
    sites: [],
    fences: [],
    written: new Map(),
    position: 0,
    reserved: undefined,
    open: undefined,
    reached: instructions.length,
    isWaiting: false,
    isComplete: true,
  };
  for (const { register, value } of initial) {
    at.registers[register] = wordOf(value);
  }
  const world = { test, thread, how, choosing };
  for (let one = instructions[0]; one !== undefined; one = instructions[at.next]) {
    step(world, at, one);
  }
  const trace = { accesses: at.accesses, fences: at.fences, registers: at.registers.map((value) => value ?? 0n) };
  const isComplete = at.isComplete && at.open === undefined;
  return {
    trace,
    sites: at.sites,
    written: at.written,
    open: at.open,
    reached: at.reached,
    isWaiting: at.isWaiting,
    isComplete,
  };
}

function step(world: World, at: Progress, instruction: Instruction): void {
  const { thread } = world;
  const site = { thread, instruction: at.next };
  at.next += 1;
  switch (instruction.op) {
    case 'load':
    case 'load-reserved': {
      const isReserved = instruction.op === 'load-reserved';
      const place = placeFor(world, at, instruction);
      const value = read(world, at, site, place);
      if (isReserved) {
        at.reserved = at.accesses.length;
      }
      const kind = isReserved ? 'exclusive' : 'plain';
      access(at, { ...place, kind, read: value ?? 0n, loadOrder: instruction.order });
      assign(at, instruction.into, value, 1 << (at.accesses.length - 1));
      break;
    }
    case 'store':
      write(world, at, instruction, 'plain');
      break;
    case 'store-conditional':
      storeConditional(world, at, site, instruction);
      break;
    case 'rmw':
      readModifyWrite(world, at, site, instruction);
      break;
    case 'lock': {
      const place = placeFor(world, at, instruction);
      const value = read(world, at, site, place);
      // A lock that is held is waited for: there is no execution in which it is read.
      at.isComplete &&= value === 0n;
      at.written.set(site.instruction, { location: place?.location, value: 1n });
      access(at, { ...place, kind: 'lock', read: 0n, loadOrder: 'acquire' });
      access(at, { ...place, kind: 'lock', written: 1n, replaces: at.accesses.length - 1 });
      break;
    }
    case 'unlock':
      write(world, at, { ...instruction, value: { kind: 'integer', value: 0n }, order: 'release' }, 'unlock');
      break;
    case 'fence':
      mark(at, { fence: instruction.fence });
      break;
    case 'barrier':
      mark(at, { barrier: instruction.name });
      break;
    case 'context-sync':
      mark(at, { isContextSync: true });
      break;
    case 'assign':
      assign(at, instruction.into, knownValue(at, instruction.value), sourcesOf(at, instruction.value));
      break;
    case 'branch':
      branch(world, at, site, instruction);
      break;
  }
}

function branch(world: World, at: Progress, site: Site, instruction: Extract<Instruction, { op: 'branch' }>): void {
  const whole = world.test.threads[world.thread] as Thread;
  const sources = sourcesOf(at, instruction.condition);
  if (sources !== 0) {
    const end = world.how.endsControlAtJoin ? joinOf(whole, site.instruction) : Number.POSITIVE_INFINITY;
    at.branches.push({ sources, end });
  }
  const condition = knownValue(at, instruction.condition);
  if (condition === undefined && instruction.target !== at.next) {
    // What comes after is not known to happen.
    at.isComplete = false;
    at.reached = at.next;
    at.next = whole.instructions.length;
  } else if (condition !== undefined && condition !== 0n) {
    at.next = instruction.target;
  }
}

/** A value, or undefined and a note of why. */
function read(world: World, at: Progress, site: Site, place: Where | undefined): bigint | undefined {
  if (place === undefined) {
    at.isComplete = false;
    return undefined;
  }
  const value = world.choosing.readValue(site, place.location);
  if (typeof value === 'bigint') {
    return value;
  }
  at.isComplete = false;
  if (value === 'open') {
    at.open ??= { site, location: place.location };
  } else {
    at.isWaiting = true;
  }
  return undefined;
}

interface Writing extends Accessing {
  readonly value: Expression;
  readonly order: StoreOrder;
}

function write(world: World, at: Progress, writing: Writing, kind: Access['kind'], replaces?: number): void {
  const place = placeFor(world, at, writing);
  const value = knownValue(at, writing.value);
  const width = world.test.locations[place?.location ?? 0]?.widthBits ?? 64;
  const written = value === undefined ? undefined : BigInt.asUintN(width, value);
  at.isComplete &&= place !== undefined && written !== undefined;
  at.written.set(at.next - 1, { location: place?.location, value: written });
  access(at, {
    ...place,
    kind,
    written: written ?? 0n,
    data: sourcesOf(at, writing.value),
    storeOrder: writing.order,
    ...(replaces === undefined ? {} : { replaces }),
  });
}

type StoreConditional = Extract<Instruction, { op: 'store-conditional' }>;

function storeConditional(world: World, at: Progress, site: Site, instruction: StoreConditional): void {
  const place = placeFor(world, at, instruction);
  const pair = at.reserved;
  at.reserved = undefined;
  at.isComplete &&= place !== undefined;
  const reserved = pair === undefined ? undefined : at.accesses[pair]?.location;
  const canSucceed = place !== undefined && reserved === place.location;
  const succeeds = canSucceed ? world.choosing.succeeds(site) : false;
  const isUnknown = place === undefined || reserved === nowhere || succeeds === 'open';
  if (isUnknown) {
    // Whether it writes is not known.
    at.written.set(site.instruction, { location: place?.location, value: undefined });
  }
  if (succeeds === 'open') {
    at.open ??= { site, location: place?.location as number };
  }
  if (succeeds !== true) {
    assign(at, instruction.status, isUnknown ? undefined : 1n, 0);
    return;
  }
  write(world, at, instruction, 'exclusive', pair);
  assign(at, instruction.status, 0n, world.how.statusDependsOnStore ? 1 << (at.accesses.length - 1) : 0);
}

function readModifyWrite(world: World, at: Progress, site: Site, rmw: Extract<Instruction, { op: 'rmw' }>): void {
  const place = placeFor(world, at, rmw);
  const { order, result, widthBits } = rmw;
  const old = read(world, at, site, place);
  const expected = rmw.expected === undefined ? undefined : knownValue(at, rmw.expected);
  if (rmw.expected !== undefined && (old === undefined || expected === undefined)) {
    // Whether it writes is not known.
    at.isComplete = false;
    at.written.set(site.instruction, { location: place?.location, value: undefined });
    if (result !== undefined) {
      assign(at, result.into, undefined, 0);
    }
    return;
  }
  const isWritten = expected === undefined || BigInt.asUintN(widthBits, expected) === old;
  const keepsOrder = isWritten || !world.how.relaxesFailure;
  const loadOrder = keepsOrder ? order.load : 'relaxed';
  const base = { ...place, kind: 'locked' as const, hasResult: result !== undefined };
  const readIndex = at.accesses.length;
  const data = sourcesOf(at, rmw.value) | (rmw.expected === undefined ? 0 : sourcesOf(at, rmw.expected));
  const value = knownUpdate(at, rmw.value, old);
  const written = value === undefined ? undefined : BigInt.asUintN(widthBits, value);
  if (order.isFull && keepsOrder) {
    mark(at, { fence: fenceOf(3, 3) });
  }
  if (isWritten) {
    at.isComplete &&= written !== undefined;
    at.written.set(site.instruction, { location: place?.location, value: written });
  }
  if (isWritten && world.how.hasSingleAtomics) {
    access(at, { ...base, read: old ?? 0n, written: written ?? 0n, data, loadOrder, storeOrder: order.store });
  } else {
    access(at, { ...base, read: old ?? 0n, loadOrder });
  }
  if (isWritten && !world.how.hasSingleAtomics) {
    const own = mentionsOld(rmw.value) ? 1 << readIndex : 0;
    access(at, { ...base, written: written ?? 0n, data: data | own, storeOrder: order.store, replaces: readIndex });
  }
  if (order.isFull && keepsOrder) {
    mark(at, { fence: fenceOf(3, 3) });
  }
  if (result !== undefined) {
    const own = mentionsOld(result.value) ? 1 << readIndex : 0;
    assign(at, result.into, knownUpdate(at, result.value, old), own | sourcesOf(at, result.value));
  }
}

interface Where {
  readonly location: number;
  readonly address: EventSet;
}

interface Accessing {
  readonly address: Expression;
  /** Left out: as wide as the location. */
  readonly widthBits?: AccessWidth;
  readonly line: number;
}

/** Undefined: not known yet, or nowhere, which only a value that no execution has can lead to (or a wrong test). */
function placeFor({ test }: World, at: Progress, instruction: Accessing): Where | undefined {
  const address = knownValue(at, instruction.address);
  const place = address === undefined ? undefined : placeOf(test, address, 8);
  if (place === undefined) {
    return undefined;
  }
  const width = test.locations[place.location]?.widthBits;
  if (place.byteOffset !== 0 || (instruction.widthBits ?? width) !== width) {
    throw new Error(`${test.name}, line ${instruction.line}: accesses of mixed sizes are not for the axioms`);
  }
  return { location: place.location, address: sourcesOf(at, instruction.address) };
}

/** Of an access whose address is not known yet. */
const nowhere = -1;
const defaults = {
  location: nowhere,
  loadOrder: 'relaxed' as LoadOrder,
  storeOrder: 'relaxed' as StoreOrder,
  kind: 'plain' as const,
  hasResult: true,
  address: 0,
  data: 0,
};

function access(at: Progress, given: Partial<Access>): void {
  at.accesses.push({ ...defaults, ...given, position: at.position, control: controlOf(at) });
  at.sites.push(at.next - 1);
  at.position += 1;
}

function mark(at: Progress, given: Pick<FenceMark, 'fence' | 'barrier' | 'isContextSync'>): void {
  at.fences.push({ ...given, position: at.position, control: controlOf(at) });
  at.position += 1;
}

function assign(at: Progress, register: number, value: bigint | undefined, sources: EventSet): void {
  at.registers[register] = value;
  at.sources[register] = sources;
}

/** The instruction that is reached has been counted: `next` is the one after it. */
function controlOf({ branches, next }: Progress): EventSet {
  return branches.reduce((set, { sources, end }) => (next - 1 < end ? set | sources : set), 0);
}

function sourcesOf(at: Progress, expression: Expression): EventSet {
  return registersIn(expression).reduce((set, register) => set | (at.sources[register] as number), 0);
}

/** Undefined: some register in it is not known yet. */
function knownValue(at: Progress, expression: Expression): bigint | undefined {
  return knownUpdate(at, expression, 0n);
}

/** The same of what a read-modify-write makes of the old value. */
function knownUpdate(at: Progress, expression: Expression, old: bigint | undefined): bigint | undefined {
  const isKnown = registersIn(expression).every((register) => at.registers[register] !== undefined);
  return isKnown && (old !== undefined || !mentionsOld(expression))
    ? evaluate(expression, at.registers as bigint[], old)
    : undefined;
}

function mentionsOld(expression: Expression): boolean {
  switch (expression.kind) {
    case 'old':
      return true;
    case 'binary':
      return mentionsOld(expression.left) || mentionsOld(expression.right);
    case 'extend':
      return mentionsOld(expression.of);
    default:
      return false;
  }
}

/** Where both ways of a branch have come together: the first later instruction that every way passes. */
function joinOf({ instructions }: Thread, branch: number): number {
  const reached = new Set<number>();
  const open = [branch];
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    if (!reached.has(i)) {
      reached.add(i);
      open.push(...successorsOf(instructions, i));
    }
  }
  const later = [...reached].filter((i) => i > branch).sort((a, b) => a - b);
  // Branches go forward: a way passes an instruction unless some step jumps over it.
  return later.find((join) =>
    [...reached].every((i) => i >= join || successorsOf(instructions, i).every((to) => to <= join)),
  ) as number;
}

function successorsOf(instructions: readonly Instruction[], i: number): readonly number[] {
  const instruction = instructions[i];
  if (instruction === undefined) {
    return [];
  }
  if (instruction.op !== 'branch') {
    return [i + 1];
  }
  const isConstant = registersIn(instruction.condition).length === 0;
  const isTaken = isConstant && evaluate(instruction.condition, []) !== 0n;
  return isConstant ? [isTaken ? instruction.target : i + 1] : [i + 1, instruction.target];
}
