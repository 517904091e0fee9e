import type { RunRecord } from '../scenarios/report.ts';
import type { PictureAgents } from './picture-agents.ts';

/** `buffered`: made, but no one else can see it yet; `visible`: the moment others can; `done`: both at once. */
export type StoreState = 'done' | 'buffered' | 'visible';

/** A store in a store buffer: indices of its two records. */
interface Waiting {
  readonly issue: number;
  readonly drain: number;
}

/**
 * How the picture shows each store among the selected records, by index. A store whose stay in the buffer nobody could
 * tell has one place in the picture, and its other record is not in the map.
 */
export function storeStates(
  { records }: RunRecord,
  selected: readonly number[],
  agents: PictureAgents,
): ReadonlyMap<number, StoreState> {
  const states = new Map<number, StoreState>();
  const drained = new Set(
    selected.flatMap((index) => (agents.issueOf(index) === undefined ? [] : (agents.columnOf(index) ?? []))),
  );
  let waiting: readonly Waiting[] = [];
  for (const [position, index] of selected.entries()) {
    const kind = records[index]?.event.kind;
    if (kind === 'store' && agents.issueOf(index) === undefined) {
      states.set(index, 'done');
    } else if (kind === 'store-buffered') {
      const drain = agents.drainOf(index);
      if (drain === undefined) {
        // The rest of an update that the picture ends in says nothing; a store all waited for in vain does.
        if (!drained.has(agents.columnOf(index) ?? '')) states.set(index, 'buffered');
        continue;
      }
      waiting = waiting.filter((earlier) => earlier.drain > index);
      if (isWaitSeen({ selected, agents, position }, drain)) {
        waiting = [...waiting, { issue: index, drain }];
        states.set(index, 'buffered').set(drain, 'visible');
      } else {
        // Program order is what a reader knows; but a store behind one that waits is visible after it.
        const isBehind = waiting.some(({ issue }) => agents.columnOf(issue) === agents.columnOf(index));
        states.set(isBehind ? drain : index, 'done');
      }
    }
  }
  return states;
}

/** Whether another agent did something between the issue, which stands at `position`, and the drain. */
function isWaitSeen(
  { selected, agents, position }: { selected: readonly number[]; agents: PictureAgents; position: number },
  drain: number,
): boolean {
  const own = agents.columnOf(selected[position] ?? -1);
  for (let next = position + 1; (selected[next] ?? drain) < drain; next += 1) {
    if (agents.columnOf(selected[next] ?? -1) !== own) {
      return true;
    }
  }
  return false;
}
