import { checkers, kernelRules } from '../models/checkers/checkers.ts';

export { reachMarks } from '../models/checkers/reach.ts';
export { flows } from '../models/linux/flows.ts';
export { kernelPrimitives } from '../models/memory/barrier-table.ts';

/** Every rule a run can break. */
export const rules = [...checkers, ...kernelRules].map(({ rule, brokenWhen, stopsRun }) => ({
  rule,
  brokenWhen,
  stopsRun,
}));
