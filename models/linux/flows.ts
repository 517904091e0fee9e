import type { FlowDefinition } from './flow-definition.ts';
import { attachBlocking, attachIdentity, attachPaging } from './riscv/attach.ts';
import { domainAlloc, domainFree } from './riscv/domain-life.ts';
import { freeTable, remap, map as riscvMap, unmap as riscvUnmap } from './riscv/page-table-update.ts';
import { queueInterrupt } from './riscv/queue-interrupt.ts';
import { contextClear, contextReplace, contextSetup } from './vtd/context-entry-update.ts';
import { copiedContextReplace, scalableContextClear } from './vtd/context-teardown.ts';
import { attach, detach } from './vtd/domain-attach.ts';
import { entrySync } from './vtd/entry-sync-flow.ts';
import { irteClear, irteModify } from './vtd/irte-update.ts';
import { map, unmap } from './vtd/page-table-update.ts';
import { pasidReplace } from './vtd/pasid-replace.ts';
import { pasidSetup } from './vtd/pasid-setup.ts';
import { pasidTablePublish } from './vtd/pasid-table-publish.ts';
import { pasidTeardown } from './vtd/pasid-teardown.ts';
import { rootClear, rootSetup } from './vtd/root-entry-update.ts';

/** Every driver flow a scenario can name; adding one is a file and a line here. */
export const flows: readonly FlowDefinition[] = [
  pasidTeardown,
  pasidSetup,
  pasidReplace,
  entrySync,
  pasidTablePublish,
  contextSetup,
  contextClear,
  contextReplace,
  scalableContextClear,
  copiedContextReplace,
  rootSetup,
  rootClear,
  irteModify,
  irteClear,
  attach,
  detach,
  unmap,
  map,
  attachPaging,
  attachBlocking,
  attachIdentity,
  riscvUnmap,
  riscvMap,
  remap,
  freeTable,
  domainAlloc,
  domainFree,
  queueInterrupt,
];
