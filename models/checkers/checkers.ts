import { breakBeforeMake } from './break-before-make.ts';
import type { Checker } from './checker.ts';
import { corruptedEntry } from './corrupted-entry.ts';
import { forbiddenOutcome } from './forbidden-outcome.ts';
import { invalidationOrder } from './invalidation-order.ts';
import { invalidationTimeout } from './invalidation-timeout.ts';
import { lostInvalidation } from './lost-invalidation.ts';
import { specViolation } from './spec-violation.ts';
import { staleTranslation } from './stale-translation.ts';
import { tagReuse } from './tag-reuse.ts';
import { unexpectedFault } from './unexpected-fault.ts';
import { useAfterFree } from './use-after-free.ts';
import { wrongDomain } from './wrong-domain.ts';
import { wrongTag } from './wrong-tag.ts';

/** Every checker, in the order in which rules broken by one event are reported; adding one is a file and a line. */
export const checkers: readonly Checker[] = [
  corruptedEntry,
  staleTranslation,
  useAfterFree,
  wrongDomain,
  wrongTag,
  unexpectedFault,
  tagReuse,
  invalidationOrder,
  invalidationTimeout,
  lostInvalidation,
  specViolation,
  breakBeforeMake,
  forbiddenOutcome,
];

/** Rules of the kernel itself, for lists and for the check of `expect`. */
export const kernelRules: readonly Pick<Checker, 'rule' | 'brokenWhen' | 'stopsRun'>[] = [
  { rule: 'stuck', brokenWhen: 'a task that must finish cannot: a deadlock or a lost wake-up', stopsRun: true },
  { rule: 'livelock', brokenWhen: 'a task goes through a retry loop without end', stopsRun: true },
];
