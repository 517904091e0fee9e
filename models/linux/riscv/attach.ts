import type { Flow } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import { defineRiscvFlow, type FlowArguments } from '../flow-definition.ts';
import { linkBond, unlinkBond } from './bond-link.ts';
import { blockingTarget, type ContextTarget, identityTarget, pagingTarget } from './context-encoding.ts';
import type { RiscvDevice } from './domains.ts';
import { type DirectoryUpdateOptions, updateDirectory } from './iodir-update.ts';
import { invalidateIotlb } from './iotlb-inval.ts';
import type { RiscvDriver } from './riscv-driver.ts';
import { asVersion, barriers, isYes, traitOr, versions, versionTraits, yesOrNo } from './versions.ts';

const source = 'drivers/iommu/riscv/iommu.c (riscv_iommu_attach_*_domain, riscv_iommu_iodir_update), v4, v5 and 7.0';

const versionOf = {
  type: 'choice',
  summary: 'Which state of the driver: v4, what the mail proposed for v5, v5 as posted, or 7.0.',
  values: versions,
  default: 'upstream',
} as const;

/** A choice of yes or no that is the version's if left out. */
function question<const S extends string>(summary: S) {
  return { type: 'choice', summary, values: [asVersion, ...yesOrNo], default: asVersion } as const;
}

const directoryParameters = {
  version: versionOf,
  clears: {
    type: 'choice',
    summary: 'Which device contexts are cleared and invalidated before they are written; v5 as posted has it inverted.',
    values: [asVersion, 'valid', 'not-valid', 'none'],
    default: asVersion,
  },
  invalidateCleared: {
    type: 'boolean',
    summary: 'A device context that has been cleared is invalidated (INVAL_DDT, IOFENCE.C).',
    default: true,
  },
  invalidateAfter: question('The device context is invalidated once more after it has become valid.'),
  validBarrier: {
    type: 'choice',
    summary: 'Between fsc and ta, and tc.V.',
    values: ['dma_wmb', 'none'],
    default: 'dma_wmb',
  },
  mixed: {
    type: 'choice',
    summary: 'A context of old and new words that a device uses before the attach is over: an error, or not a matter.',
    values: ['error', 'tolerated'],
    default: 'error',
  },
  wipe: question('The last bond with an IOMMU takes along what is cached of the PSCID.'),
} as const;

type DirectoryArguments = FlowArguments<typeof directoryParameters>;

function directoryOptions(values: DirectoryArguments): DirectoryUpdateOptions {
  const traits = versionTraits[values.version];
  return {
    clears: values.clears === asVersion ? traits.clears : values.clears,
    invalidatesTags: traits.invalidatesTags,
    invalidatesAfter: isYes(values.invalidateAfter, traits.invalidatesAfter),
    ordersValid: values.validBarrier === 'dma_wmb',
    invalidatesCleared: values.invalidateCleared,
    toleratesMixed: values.mixed === 'tolerated',
  };
}

/** The device's bond with the domain it was attached to goes, once hardware is fenced. */
function* unlinkOld(riscv: RiscvDriver, cpu: Cpu, device: RiscvDevice, values: DirectoryArguments): Flow {
  const domain = yield* riscv.attachedDomain(device);
  if (domain !== undefined) {
    yield unlinkBond(riscv, cpu, { domain, device }, isYes(values.wipe, versionTraits[values.version].wipesLast));
  }
}

/*  CPU A (attach)                    CPU B (unmap)             IOMMU
 *  ==============                    =============             =====
 *                                    store leaf = 0, in the store buffer
 *                                    bonds are empty: nothing to invalidate
 *  link bond
 *  device context, V = 1
 *                                                              walk: the old leaf, into the IOATC
 *                                    the store arrives
 *                                    free page
 *                                                              DMA into the page   <-- freed memory
 */
export const attachPaging = defineRiscvFlow({
  name: 'riscv/attach-paging',
  summary: 'Attach a device to a paging domain: bond, device context, and the bond with the old domain goes.',
  source,
  parameters: {
    device: { type: 'device', summary: 'Which device.' },
    domain: { type: 'domain', summary: 'The domain to attach, with first-stage tables.' },
    ...directoryParameters,
    barrier: {
      type: 'choice',
      summary: 'Between the new bond and the device context.',
      values: [asVersion, ...barriers],
      default: asVersion,
    },
    publish: {
      type: 'choice',
      summary: 'How list_add_rcu makes the bond reachable: a store-release, or a plain store.',
      values: ['release', 'plain'],
      default: 'release',
    },
    lock: { type: 'boolean', summary: 'domain->lock is held while the bond is linked.', default: true },
    invalidateFirst: question('The whole domain is invalidated before the device context is written, as in v4.'),
  },
  loads: (riscv, { device }) => riscv.loadsOf({ attaches: riscv.device(device) }),
  *start({ cpu, riscv }, values): Flow {
    const device = riscv.device(values.device);
    const domain = riscv.domain(values.domain);
    const traits = versionTraits[values.version];
    yield linkBond(
      riscv,
      cpu,
      { domain, device },
      {
        publish: values.publish === 'plain' ? 'relaxed' : 'release',
        locks: values.lock,
        barrier: traitOr(values.barrier, traits.linkBarrier),
      },
    );
    if (isYes(values.invalidateFirst, traits.invalidatesFirst)) {
      const barrier = traits.invalidationBarrier;
      yield invalidateIotlb(riscv, cpu, { domain, barrier, listLoad: 'relaxed', fences: true });
    }
    const target = pagingTarget(domain, yield* riscv.pscidOf(domain));
    yield updateDirectory(riscv, cpu, device, { target, options: directoryOptions(values) });
    yield unlinkOld(riscv, cpu, device, values);
    yield riscv.setAttachedDomain(device, domain);
  },
});

/** From a paging domain to the blocking or the identity domain: the only way a device is detached. */
function* leavePaging(
  riscv: RiscvDriver,
  cpu: Cpu,
  values: DirectoryArguments & { readonly device: string; readonly order: string },
  target: ContextTarget,
): Flow {
  const device = riscv.device(values.device);
  if (values.order === 'bond-first') {
    yield unlinkOld(riscv, cpu, device, values);
  }
  yield updateDirectory(riscv, cpu, device, { target, options: directoryOptions(values) });
  if (values.order === 'context-first') {
    yield unlinkOld(riscv, cpu, device, values);
  }
  yield riscv.setAttachedDomain(device, undefined);
}

const leaveParameters = {
  device: { type: 'device', summary: 'Which device.' },
  ...directoryParameters,
  order: {
    type: 'choice',
    summary:
      'context-first: the device context is switched and fenced, then the bond goes; bond-first: the other way round.',
    values: ['context-first', 'bond-first'],
    default: 'context-first',
  },
} as const;

/*  CPU A (detach)                    CPU B (unmap)             IOMMU
 *  ==============                    =============             =====
 *                                                              walk, fill IOATC
 *  unlink bond         (bond-first)
 *                                    store leaf = 0
 *                                    bonds are empty: nothing to invalidate
 *                                    free page
 *                                                              DMA into the page   <-- freed memory
 *  device context, V = 0
 *  INVAL_DDT, IOFENCE.C
 */
export const attachBlocking = defineRiscvFlow({
  name: 'riscv/attach-blocking',
  summary: 'Attach a device to the blocking domain: its device context becomes not valid, then its bond goes.',
  source,
  parameters: leaveParameters,
  loads: (riscv, { device }) => riscv.loadsOf({ attaches: riscv.device(device) }),
  start: ({ cpu, riscv }, values) => leavePaging(riscv, cpu, values, blockingTarget),
});

/*  as above, with a device context that is valid and Bare at its end  */
export const attachIdentity = defineRiscvFlow({
  name: 'riscv/attach-identity',
  summary: 'Attach a device to the identity domain: its device context becomes Bare, then its bond goes.',
  source,
  parameters: leaveParameters,
  loads: (riscv, { device }) => riscv.loadsOf({ attaches: riscv.device(device) }),
  start: ({ cpu, riscv }, values) => leavePaging(riscv, cpu, values, identityTarget),
});
