import type { Checker } from './checker.ts';

/** An endpoint was asked to invalidate, and the timer of the request ran out. */
export const invalidationTimeout: Checker = {
  rule: 'invalidation-timeout',
  brokenWhen: 'an invalidation request to a device TLB was not answered within its time (ITE)',
  stopsRun: false,
  attach({ trace, facts, report }) {
    trace.observe('device-tlb-timeout', ({ sid, itag }) => {
      const device = facts.nameOfDevice(sid);
      report(
        `${device} did not answer the invalidation request with ITag ${itag} in time`,
        facts.words.sections.timeout,
        device,
      );
    });
  },
};
