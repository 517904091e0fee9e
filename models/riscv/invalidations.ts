import type { Arena } from '../../sim/arena.ts';
import { walkPhase } from '../iommu/request-latch.ts';
import type { TranslationCache } from '../iommu/translation-cache.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';
import { ioatcPayload, type RiscvCaches, stageBit } from './caches.ts';
import { commandType, directoryOperands, type PageRange, translationOperands, typeOfCommand } from './commands.ts';
import type { RequestState } from './request-state.ts';

export interface InvalidationPorts {
  readonly arena: Arena;
  readonly trace: SystemTrace;
  readonly caches: RiscvCaches;
  /** Every walker's request. */
  readonly requests: readonly RequestState[];
  readonly squashesInFlight: boolean;
}

/**
 * Executes an IODIR or IOTINVAL command: drops what its operands name and no more (RISC-V IOMMU, IOTINVAL commands,
 * IODIR commands), and keeps requests under way that may have read old entries from filling caches with them.
 */
export function invalidate(ports: InvalidationPorts, base: number): void {
  switch (typeOfCommand(ports.arena.words, base)) {
    case commandType.iodirDdt:
    case commandType.iodirPdt:
      invalidateDirectory(ports, base);
      return;
    default:
      invalidateTranslations(ports, base);
  }
}

function invalidateDirectory(ports: InvalidationPorts, base: number): void {
  const { ddt, pdt } = ports.caches;
  const isDdt = typeOfCommand(ports.arena.words, base) === commandType.iodirDdt;
  const { did: deviceId, pid } = directoryOperands(ports.arena.words, base);
  const isMeant = (sid: number): boolean => deviceId < 0 || sid === deviceId;
  if (isDdt) {
    ddt.invalidate((row) => isMeant(ddt.sid(row)));
  }
  pdt.invalidate((row) => isMeant(pdt.sid(row)) && (isDdt || pdt.pasid(row) === pid));
  // Walks of the device may have old entries, whatever they go on to read below them.
  squash(ports, ({ deviceTag }) => isMeant(deviceTag.get() - 1));
  report(ports, {
    invalidation: isDdt ? 'ddt' : 'pdt',
    granularity: deviceId < 0 ? 'global' : isDdt ? 'device' : 'pasid',
    sid: deviceId,
    sidMask: deviceId < 0 ? 0 : 0xff_ffff,
    did: -1,
    pasid: isDdt ? -1 : pid,
    iova: -1,
  });
}

function invalidateTranslations(ports: InvalidationPorts, base: number): void {
  const isGuest = typeOfCommand(ports.arena.words, base) === commandType.iotinvalGvma;
  const operands = translationOperands(ports.arena.words, base);
  const { pscid, gscid, pages, nonLeaf } = operands;
  if (isGuest) {
    invalidateSecondStage(ports, operands);
  } else {
    invalidateFirstStage(ports, operands);
  }
  squash(ports, (request) => {
    const isOfProcess = pscid === undefined || request.mayHavePscid(pscid);
    return isOfProcess && (gscid === undefined || request.mayHaveGscid(gscid));
  });
  const did = pscid ?? gscid ?? -1;
  report(ports, {
    invalidation: isGuest ? 'gvma' : 'vma',
    granularity: pages !== undefined && !nonLeaf ? 'page' : did < 0 ? 'global' : 'domain',
    sid: -1,
    sidMask: 0,
    did,
    pasid: -1,
    iova: pages === undefined ? -1 : pages.firstPage * 4096,
  });
}

type Operands = ReturnType<typeof translationOperands>;

/** IOTINVAL.VMA: translations with a first stage; GV = 0 those of the host, and global ones only with PSCV = 0. */
function invalidateFirstStage({ arena, caches }: InvalidationPorts, { pscid, gscid, pages, nonLeaf }: Operands): void {
  const { ioatc, firstStagePaging } = caches;
  const space = gscid === undefined ? 0 : gscid + 1;
  ioatc.invalidate((row) => {
    const payload = ioatc.payloadBase(row);
    const isFirst = (arena.get(payload + ioatcPayload.stages) & stageBit.first) !== 0;
    const isGlobal = arena.get(payload + ioatcPayload.isGlobal) === 1;
    const isOfProcess = pscid === undefined || (ioatc.did(row) === pscid && !isGlobal);
    return isFirst && ioatc.space(row) === space && isOfProcess && isIn(pages, ioatc.page(row), 1);
  });
  if (pages === undefined || nonLeaf) {
    firstStagePaging.invalidate(
      (row) =>
        firstStagePaging.space(row) === space &&
        (pscid === undefined || firstStagePaging.did(row) === pscid) &&
        coversSome(firstStagePaging, row, pages),
    );
  }
}

/**
 * IOTINVAL.GVMA: translations with a second stage, GV = 0 of every guest. Those of both stages have no guest address to
 * compare, so all of the guest go; AV is of no effect with GV = 0.
 */
function invalidateSecondStage({ arena, caches }: InvalidationPorts, { gscid, pages, nonLeaf }: Operands): void {
  const { ioatc, secondStagePaging } = caches;
  const range = gscid === undefined ? undefined : pages;
  const isOfGuest = (space: number): boolean => (gscid === undefined ? space > 0 : space === gscid + 1);
  ioatc.invalidate((row) => {
    const isCombined = (arena.get(ioatc.payloadBase(row) + ioatcPayload.stages) & stageBit.first) !== 0;
    return isOfGuest(ioatc.space(row)) && (isCombined || isIn(range, ioatc.page(row), 1));
  });
  if (range === undefined || nonLeaf) {
    secondStagePaging.invalidate(
      (row) => isOfGuest(secondStagePaging.space(row)) && coversSome(secondStagePaging, row, range),
    );
  }
}

/** Requests that are still translated may have read what is old now: they go on, but leave nothing in the caches. */
function squash({ requests, squashesInFlight }: InvalidationPorts, isMeant: (request: RequestState) => boolean): void {
  for (const request of squashesInFlight ? requests : []) {
    const isTranslated = request.phase === walkPhase.idle || request.phase === walkPhase.access;
    if (!isTranslated && isMeant(request)) {
      request.mustNotCache.set(1);
    }
  }
}

function coversSome(cache: TranslationCache, row: number, pages: PageRange | undefined): boolean {
  return isIn(pages, cache.page(row), 512 ** (cache.level(row) - 1));
}

/** Whether a range has any of `pageCount` pages; both are aligned powers of two. No range has all. */
function isIn(pages: PageRange | undefined, page: number, pageCount: number): boolean {
  if (pages === undefined) {
    return true;
  }
  const block = Math.max(pages.pageCount, pageCount);
  return Math.floor(page / block) === Math.floor(pages.firstPage / block);
}

function report(
  { trace }: InvalidationPorts,
  done: Omit<Extract<TraceEvent, { kind: 'invalidation-done' }>, 'kind'>,
): void {
  const channel = trace.channel('invalidation-done');
  if (channel.active) {
    channel.emit({ kind: 'invalidation-done', ...done });
  }
}
