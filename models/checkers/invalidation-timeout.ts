import { Cell } from '../../sim/containers.ts';
import type { Checker } from './checker.ts';

/** An endpoint was asked to invalidate, and the timer of the request ran out. */
export const invalidationTimeout: Checker = {
  rule: 'invalidation-timeout',
  brokenWhen: 'an invalidation request to a device TLB was not answered within its time (ITE)',
  stopsRun: false,
  attach({ arena, trace, facts, report }) {
    /** Requester ID, plus 1, of the function to which the link was found blocked last, as long as it is; or 0. */
    const blocked = new Cell(arena, 'checker.invalidation-timeout.blocked');
    trace.observe('link-message', (event) => {
      if (event.blocked || blocked.get() === event.sid + 1) {
        blocked.set(event.blocked ? event.sid + 1 : 0);
      }
    });
    trace.observe('device-tlb-timeout', ({ sid, itag }) => {
      const device = facts.nameOfDevice(sid);
      const reason = blocked.get() === sid + 1 ? ': its queue is full, and nothing on the link reaches it' : '';
      report(
        `${device} did not answer the invalidation request with ITag ${itag} in time${reason}`,
        facts.words.sections.timeout,
        device,
      );
    });
  },
};
