import { describe, expect, it } from 'vitest';
import { invalidationTimeout } from '../../../models/checkers/invalidation-timeout.ts';
import { lostInvalidation } from '../../../models/checkers/lost-invalidation.ts';
import type { QueueGeneration } from '../../../models/linux/vtd/queue-fault-check.ts';
import type { TraceEvent } from '../../../models/trace-events.ts';
import { Delay, Note } from '../../../sim/operation.ts';
import type { EndpointSketch } from '../../support/test-endpoints.ts';
import { invalidate, type RingEntry } from '../../support/vtd-queue.ts';
import { nic, type VtdRun, type VtdWorld, vtdWorld } from '../../support/vtd-world.ts';

/** A PASID-based IOTLB invalidation with granularity 0. */
const refused = [6, 0, 0, 0, 0, 0, 0, 0];

interface Submission {
  readonly batch: readonly RingEntry[];
  readonly endpoints?: EndpointSketch;
  readonly kernel?: QueueGeneration;
  readonly looks?: boolean;
}

function submitting({ batch, endpoints = {}, kernel = 'whole-batch', looks = false }: Submission): VtdWorld {
  return vtdWorld({
    endpoints,
    system: { linux: { queuedInvalidation: kernel } },
    checkers: [invalidationTimeout, lostInvalidation],
    tasks: {
      *driver({ cpu, vtd }) {
        yield looks ? vtd.queue.trySubmit(cpu, batch) : vtd.queue.submitSync(cpu, batch);
      },
    },
  });
}

const rulesOf = (run: VtdRun): string => run.rules.join(' ');

describe('invalidation-timeout', () => {
  it('is broken by a request that is not answered, in every schedule, and the run goes on', () => {
    const world = submitting({ batch: [invalidate.deviceTlb()], endpoints: { [nic]: 'gone' }, looks: true });
    expect(world.outcomes(rulesOf)).toEqual(new Set(['invalidation-timeout']));
    expect(world.runWith(1).outcome).toMatchObject({
      end: 'finished',
      violations: [
        {
          rule: 'invalidation-timeout',
          message: 'nic did not answer the invalidation request with ITag 0 in time',
          subject: 'nic',
        },
      ],
    });
  });

  it('says of a function whose queue is full that it is, and of no other', () => {
    const blocked = (sid: number) => ({ kind: 'link-message', sid, itag: 1, state: 'waits', blocked: true }) as const;
    const moves = (sid: number) => ({ kind: 'link-message', sid, itag: 1, state: 'arrives', blocked: false }) as const;
    const saidAfter = (...events: readonly TraceEvent[]): string => {
      const world = vtdWorld({
        checkers: [invalidationTimeout],
        tasks: {
          *driver({ system }) {
            yield new Delay(1, 1, 'a time-out');
            yield new Note('events', () => {
              for (const event of [...events, { kind: 'device-tlb-timeout', sid: nic, itag: 0 } as const]) {
                system.trace.channel(event.kind).emit(event as never);
              }
            });
          },
        },
      });
      const [violation] = world.runWith(1).outcome.violations;
      return (
        violation?.message.slice('nic did not answer the invalidation request with ITag 0 in time'.length) ?? 'nothing'
      );
    };
    expect(saidAfter(blocked(nic))).toBe(': its queue is full, and nothing on the link reaches it');
    expect(saidAfter(blocked(nic), moves(nic + 8))).toBe(': its queue is full, and nothing on the link reaches it');
    expect(saidAfter(blocked(nic), moves(nic))).toBe('');
    expect(saidAfter(blocked(nic + 8))).toBe('');
    expect(saidAfter()).toBe('');
  });

  it('is not broken by one that is answered', () => {
    const world = submitting({ batch: [invalidate.deviceTlb()], endpoints: { [nic]: 1 } });
    expect(world.outcomes(rulesOf)).toEqual(new Set(['']));
  });
});

describe('lost-invalidation', () => {
  it('is broken by a time-out whose error is ignored', () => {
    const world = submitting({ batch: [invalidate.deviceTlb()], endpoints: { [nic]: 'gone' } });
    expect(world.outcomes(rulesOf)).toEqual(new Set(['invalidation-timeout lost-invalidation']));
    expect(world.runWith(1).outcome.violations[1]).toMatchObject({
      message: 'qi_submit_sync returned -110 and its caller went on: the invalidation in slot 0 was not executed',
      subject: 'error -110',
    });
  });

  it('is broken by a refused descriptor whose error is ignored', () => {
    const world = submitting({ batch: [invalidate.iotlb(), refused] });
    expect(world.outcomes(rulesOf)).toEqual(new Set(['lost-invalidation']));
    expect(world.runWith(1).outcome.violations[0]?.message).toContain(
      '-22 and its caller went on: the invalidation in slot 1',
    );
  });

  it('is not broken where the caller looks', () => {
    expect(submitting({ batch: [refused], looks: true }).outcomes(rulesOf)).toEqual(new Set(['']));
  });

  it('is not broken by an error if everything was executed', () => {
    // A time-out of another request of before, in a slot that now has something else.
    const world = vtdWorld({
      endpoints: { [nic]: 'gone' },
      vtd: { queueSlots: 4 },
      system: { linux: { queuedInvalidation: 'whole-batch' } },
      checkers: [lostInvalidation],
      tasks: {
        *driver({ cpu, vtd }) {
          // Slots 0 and 1, then 2 and 3, then 0 and 1 again.
          yield vtd.queue.trySubmit(cpu, [invalidate.deviceTlb()]);
          yield vtd.queue.submitSync(cpu, [invalidate.iotlb()]);
          yield vtd.queue.submitSync(cpu, [invalidate.iotlb()]);
        },
      },
    });
    expect(world.outcomes(rulesOf)).toEqual(new Set(['']));
  });
});
