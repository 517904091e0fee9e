import { interruptEntryFor } from '../models/linux/vtd/interrupt-table.ts';
import { encodePostedInterruptDescriptor } from '../models/vtd/entries/posted-interrupt-descriptor.ts';
import type { VtdSystem } from '../models/vtd-system.ts';
import { assert } from '../sim/assert.ts';
import { interruptEntriesOf, interruptIndicesOf } from './format/interrupt-plan.ts';
import type { VtdWorld } from './format/schema.ts';

/**
 * Switches interrupt remapping on if the world speaks of interrupts, and writes the entries it begins with. Gives the
 * address and name of each entry that has to be followed.
 */
export function assembleInterrupts(
  world: VtdWorld,
  system: Pick<VtdSystem, 'driver' | 'memory' | 'remapInterrupts'>,
): readonly { readonly address: number; readonly name: string }[] {
  if (interruptIndicesOf(world).length === 0) {
    return [];
  }
  const { driver, memory } = system;
  const { descriptors, targets, entries } = world.interrupts;
  system.remapInterrupts(
    Object.entries(descriptors).map(([name, { address, notify, suppressed }]) => ({
      name,
      address,
      words: encodePostedInterruptDescriptor({
        suppressed: Number(suppressed),
        notificationVector: notify.vector,
        notificationDestination: notify.destination,
      }),
    })),
  );
  for (const [name, { device, ...target }] of Object.entries(targets)) {
    const { sid } = driver.device(device);
    if (target.format === 'posted') {
      const descriptor = descriptors[target.descriptor];
      assert(descriptor !== undefined, `descriptor ${target.descriptor} is known`);
      driver.interrupts.addTarget(name, { ...target, sid, descriptor: descriptor.address });
    } else {
      driver.interrupts.addTarget(name, { ...target, sid });
    }
  }
  for (const { index, target } of entries) {
    memory.initialise(driver.interrupts.entryAddress(index), interruptEntryFor(driver.interrupts.target(target)));
  }
  return interruptEntriesOf(world).map((index) => ({
    address: driver.interrupts.entryAddress(index),
    name: `irte[${index}]`,
  }));
}
