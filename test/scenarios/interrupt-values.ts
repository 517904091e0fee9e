import fc from 'fast-check';
import { device, mapping, rarely, weighted } from './scenario-values.ts';

/** Indices that mostly have an entry. */
export const interruptIndex = weighted([
  [12, 0],
  [8, 1],
  [2, 255],
  [1, 256],
]);

export const interruptTarget = weighted([
  [12, 'to-cpu'],
  [12, 'to-vm'],
  [1, 'to-nobody'],
]);

const vector = weighted([
  [12, 0x41],
  [6, 255],
  [1, 15],
]);

/** The `interrupts` of a scenario that mostly loads. */
export const interrupts = mapping({
  descriptors: fc.constant({ vm: { address: 0x1_0000_1000, notify: { vector: 0xf2, destination: 1 } } }),
  targets: fc
    .tuple(
      mapping({ format: fc.constant('remapped'), device, vector, destination: fc.constantFrom(0, 1, 0xffff_ffff) }),
      mapping({
        format: fc.constant('posted'),
        device,
        vector,
        descriptor: fc.constant('vm'),
        urgent: rarely(fc.boolean()),
      }),
    )
    .map(([cpu, vm]) => ({ 'to-cpu': cpu, 'to-vm': vm })),
  entries: rarely(fc.array(mapping({ index: interruptIndex, target: interruptTarget }), { maxLength: 2 }), 60),
});
