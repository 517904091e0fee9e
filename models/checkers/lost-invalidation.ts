import { WordArray } from '../../sim/containers.ts';
import type { Checker } from './checker.ts';

/** Slots of the largest ring there is. */
const slotCount = 128;

/** An invalidation that hardware refused or gave up, and software that goes on as if it had been done. */
export const lostInvalidation: Checker = {
  rule: 'lost-invalidation',
  brokenWhen: 'software went on as if an invalidation had succeeded that had not',
  stopsRun: false,
  attach({ arena, trace, facts, report }) {
    /** 1: the descriptor that software last wrote to the slot will not be executed. */
    const lost = new WordArray(arena, 'checker.lost-invalidation', slotCount);
    trace.observe('batch-submitted', ({ slots }) => {
      for (const slot of slots) {
        lost.set(slot, 0);
      }
    });
    trace.observe('descriptor-lost', ({ slot }) => lost.set(slot, 1));
    trace.observe('queue-error', ({ slot }) => {
      // After a tail that is beyond the ring no descriptor is at the head of it.
      if (slot < slotCount) {
        lost.set(slot, 1);
      }
    });
    trace.observe('error-ignored', ({ slots, error }) => {
      const slot = slots.find((each) => lost.get(each) === 1);
      if (slot !== undefined) {
        report(
          `${facts.words.submit} returned ${error} and its caller went on: the invalidation in slot ${slot} was not executed`,
          facts.words.sections.lost,
          `error ${error}`,
        );
      }
    });
  },
};
