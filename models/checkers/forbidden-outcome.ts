import { WordArray } from '../../sim/containers.ts';
import type { Checker, OutcomeValue } from './checker.ts';

const column = { isSet: 0, low: 1, high: 2 } as const;
const columns = 3;

/** What tasks written as steps have read is, together, what the scenario says must not be. */
export const forbiddenOutcome: Checker = {
  rule: 'forbidden-outcome',
  brokenWhen: 'in the end the values that tasks have read are those of an outcome that the scenario forbids',
  stopsRun: true,
  attach({ arena, trace, facts, report, atRest }) {
    const names = [...new Set(facts.forbidden.flatMap((outcome) => outcome.map(({ name }) => name)))];
    if (names.length === 0) {
      return;
    }
    const values = new WordArray(arena, 'checker.forbidden-outcome', names.length * columns);
    trace.observe('value-read', ({ name, words }) => {
      const base = names.indexOf(name) * columns;
      if (base >= 0) {
        values.set(base + column.isSet, 1);
        values.set(base + column.low, words[0] as number);
        values.set(base + column.high, words[1] as number);
      }
    });
    const hasValue = ({ name, words }: OutcomeValue): boolean => {
      const base = names.indexOf(name) * columns;
      return (
        values.get(base + column.isSet) === 1 &&
        values.get(base + column.low) === ((words[0] as number) | 0) &&
        values.get(base + column.high) === ((words[1] as number) | 0)
      );
    };
    atRest(() => {
      const broken = facts.forbidden.find((outcome) => outcome.every(hasValue));
      if (broken !== undefined) {
        const text = broken.map((each) => each.text).join(', ');
        report(`the tasks have read ${text}`, 'forbidden outcomes of the scenario', text);
      }
    });
  },
};
