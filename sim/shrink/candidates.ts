import {
  type Attempt,
  answersToSimplify,
  orderOf,
  type Schedule,
  type Segment,
  segmentsOf,
  withAnswer,
  withoutSteps,
} from './schedule.ts';

type Candidates = (best: Attempt) => readonly (() => Schedule)[];

/** Phases of a round, in order; what they try first removes most. */
export const candidatesOf: readonly Candidates[] = [
  (best) => [...skippedParts(best), ...withoutProcesses(best)],
  chunksDropped,
  segmentsMerged,
  switchesMoved,
  stepsDropped,
  answersSimplified,
];

/** Chunks of segments left out, as delta debugging does it: halves first, then ever smaller ones. */
function chunksDropped(best: Attempt): readonly (() => Schedule)[] {
  const segments = segmentsOf(best.order);
  const candidates: (() => Schedule)[] = [];
  for (let size = segments.length >>> 1; size >= 1; size >>>= 1) {
    for (let from = 0; from < segments.length; from += size) {
      candidates.push(() => ({ ...best, order: orderOf(segments.toSpliced(from, size)) }));
    }
  }
  return candidates;
}

/** Each segment joined with the next one of its process: the later one comes earlier, or the earlier one later. */
function segmentsMerged(best: Attempt): readonly (() => Schedule)[] {
  const segments = segmentsOf(best.order);
  return segments.flatMap(({ process }, at) => {
    const next = nextOf(segments, at);
    if (next === undefined) return [];
    return [
      () => ({ ...best, order: orderOf(moved(segments, { from: next, to: at + 1 })) }),
      () => ({ ...best, order: orderOf(moved(segments, { from: at, to: next - 1 })) }),
      // With what stood between in one piece before or after both.
      () => ({ ...best, order: orderOf(gathered(segments, process, { from: at, to: next })) }),
    ];
  });
}

/** Part of a segment moved to the one before it or after it of the same process: the switch comes later or earlier. */
function switchesMoved(best: Attempt): readonly (() => Schedule)[] {
  const segments = segmentsOf(best.order);
  return segments.flatMap((segment, at) => {
    const next = nextOf(segments, at);
    if (next === undefined) return [];
    const following = segments[next] as Segment;
    const shifted = (later: number) => () => {
      const changed = segments
        .with(at, { ...segment, count: segment.count + later })
        .with(next, { ...following, count: following.count - later });
      return { ...best, order: orderOf(changed) };
    };
    return [
      ...amounts(following.count - 1).map((amount) => shifted(amount)),
      ...amounts(segment.count - 1).map((amount) => shifted(-amount)),
    ];
  });
}

/** Steps at the end of a segment left out: its process does them later, or never. */
function stepsDropped(best: Attempt): readonly (() => Schedule)[] {
  const segments = segmentsOf(best.order);
  return segments.flatMap((segment, at) =>
    amounts(segment.count).map((amount) => () => ({
      ...best,
      order: orderOf(segments.with(at, { ...segment, count: segment.count - amount })),
    })),
  );
}

/** A whole process left to the end of the run, where it may not come to its turn at all; or all others. */
function withoutProcesses({ order, answers }: Attempt): readonly (() => Schedule)[] {
  return [...new Set(order)].flatMap((process) => [
    () => ({ order: order.filter((each) => each !== process), answers }),
    () => ({ order: order.filter((each) => each === process), answers }),
  ]);
}

/**
 * What a process did from a step to a later one of the same kind, left out with all it answered there: a request before
 * the one that matters, a round of a loop, and the steps it was idle before it began.
 */
function skippedParts(best: Attempt): readonly (() => Schedule)[] {
  return [...idleSkipped(best), ...roundsSkipped(best)];
}

/** An answer at the start may be how many steps of other work come first: that many are left out with it. */
function idleSkipped(best: Attempt): readonly (() => Schedule)[] {
  return answersToSimplify(best)
    .filter(({ step, answer, process }) => step === 0 && answer <= (best.labels[process]?.length ?? 0))
    .flatMap((place) =>
      amounts(place.answer).map((amount) => () => {
        const skipped = withoutSteps(best, place.process, 0, amount);
        return withAnswer(skipped, place, place.answer - amount);
      }),
    );
}

function roundsSkipped(best: Attempt): readonly (() => Schedule)[] {
  return best.labels.flatMap((labels, process) =>
    labels.flatMap((label, from) => {
      const next = labels.indexOf(label, from + 1);
      // The round before the failure is the last one, so a whole prefix may go at once.
      const last = from === 0 ? labels.lastIndexOf(label) : next;
      return [...new Set([last, next])]
        .filter((to) => to > from)
        .map((to) => () => withoutSteps(best, process, from, to));
    }),
  );
}

function answersSimplified(best: Attempt): readonly (() => Schedule)[] {
  return answersToSimplify(best).flatMap((place) =>
    amounts(place.answer).map((amount) => () => withAnswer(best, place, place.answer - amount)),
  );
}

/** All of it, then ever less: `whole`, half of it, …, 1. */
function amounts(whole: number): readonly number[] {
  const found: number[] = [];
  for (let amount = whole; amount >= 1; amount >>>= 1) {
    found.push(amount);
  }
  return found;
}

function nextOf(segments: readonly Segment[], at: number): number | undefined {
  const next = segments.findIndex(({ process }, index) => index > at && process === segments[at]?.process);
  return next === -1 ? undefined : next;
}

function moved(segments: readonly Segment[], { from, to }: { readonly from: number; readonly to: number }) {
  const segment = segments[from] as Segment;
  return segments.toSpliced(from, 1).toSpliced(to, 0, segment);
}

/** Between two segments: first all of their process, then each other process in one piece. */
function gathered(
  segments: readonly Segment[],
  process: number,
  { from, to }: { readonly from: number; readonly to: number },
): readonly Segment[] {
  const part = segments.slice(from, to + 1);
  const processes = [...new Set([process, ...part.map((each) => each.process)])];
  const sorted = processes.flatMap((each) => part.filter((segment) => segment.process === each));
  return segments.toSpliced(from, part.length, ...sorted);
}
