import type { Place } from '../models/system.ts';
import type { TraceEvent } from '../models/trace-events.ts';
import type { RunRecord } from '../scenarios/report.ts';
import { eventText, storedText } from './event-text.ts';
import { memoryText, type NameBook, qwordBytes, qwordsText } from './name-book.ts';
import type { PictureAgents } from './picture-agents.ts';
import type { PictureCell } from './picture-columns.ts';
import { type StoreState, storeStates } from './picture-stores.ts';

/** A cell of the picture, and how many events it stands for. */
export interface PictureStep extends PictureCell {
  readonly eventCount: number;
}

/** Stores to one place with nothing of another agent between them. */
interface StoreRun {
  readonly column: string | undefined;
  readonly state: StoreState;
  /** undefined: not a whole number of quadwords of a small place, so it stays alone. */
  readonly place: Place | undefined;
  /** Quadwords written, in the order of the stores. */
  readonly qwords: readonly number[];
  /** What the doublewords of the place are numbered with. */
  readonly letter: string;
  readonly target: string;
  /** ` = 0`, `: P=1 DID=5`. */
  readonly value: string;
  /** ` (1)`, at the end of the line; stores with one are not joined with others. */
  readonly mark: string;
  readonly eventCount: number;
}

type Item = { readonly run: StoreRun } | { readonly step: PictureStep };

export interface PictureSource {
  readonly record: RunRecord;
  readonly book: NameBook;
  readonly agents: PictureAgents;
  /** By the index of a record, what to write at the end of its line. */
  readonly marks: ReadonlyMap<number, string>;
}

interface Shown extends PictureSource {
  readonly states: ReadonlyMap<number, StoreState>;
  /** Index of the violation that is told in full. */
  readonly main: number | undefined;
}

/** The selected records as cells, in the order of time. */
export function pictureSteps(source: PictureSource, selected: readonly number[]): readonly PictureStep[] {
  const shown: Shown = {
    ...source,
    states: storeStates(source.record, selected, source.agents),
    main: mainViolation(source, selected),
  };
  const items: Item[] = [];
  for (const index of selected) {
    const item = itemOf(shown, index);
    const last = items.at(-1);
    const joined = item !== undefined && last !== undefined ? join(last, item) : undefined;
    if (joined !== undefined) {
      items[items.length - 1] = joined;
    } else if (item !== undefined) {
      items.push(item);
    }
  }
  return items.map((item) => ('step' in item ? item.step : runStep(item.run)));
}

function itemOf(shown: Shown, index: number): Item | undefined {
  const { record, book, agents, states, main, marks } = shown;
  const event = record.records[index]?.event;
  if (event === undefined) {
    return undefined;
  }
  const column = agents.columnOf(index);
  if (event.kind === 'store' || event.kind === 'store-buffered') {
    const state = states.get(index);
    const run = { column, ...storeOf(event, book), mark: storeMark(shown, index), eventCount: 1 };
    return state === undefined ? undefined : { run: { ...run, state } };
  }
  if (event.kind === 'violation' && index !== main) {
    return { step: { column, text: `< ${event.rule} >`, eventCount: 1 } };
  }
  const isVerdict = event.kind === 'violation';
  const isProse = isVerdict || event.kind === 'entry-used' || event.kind === 'flow-note';
  const mark = marks.has(index) ? ` ${marks.get(index)}` : '';
  return { step: { column, text: `${eventText(event, book)}${mark}`, isProse, isVerdict, eventCount: 1 } };
}

/** A store with one line for its issue and its drain has the marks of both. */
function storeMark({ agents, states, marks }: Shown, index: number): string {
  const others = [agents.issueOf(index), agents.drainOf(index)].filter((each) => each !== undefined);
  const unshown = others.filter((each) => !states.has(each));
  const found = [index, ...unshown].flatMap((each) => marks.get(each) ?? []);
  return found.map((mark) => ` ${mark}`).join('');
}

/** What the picture is about: where it ends, and of what that step broke the first; the rest are stations or echoes. */
function mainViolation({ record }: PictureSource, selected: readonly number[]): number | undefined {
  const last = record.records[selected.at(-1) ?? -1]?.stepNumber;
  return selected.find((index) => {
    const item = record.records[index];
    return item?.stepNumber === last && item?.event.kind === 'violation';
  });
}

function storeOf(
  event: Extract<TraceEvent, { kind: 'store' | 'store-buffered' }>,
  book: NameBook,
): Pick<StoreRun, 'place' | 'qwords' | 'letter' | 'target' | 'value'> {
  const byteCount = event.words.length * 4;
  const place = book.placeAt(event.address);
  const target = memoryText(book, event.address, byteCount);
  const value = storedText(event, book);
  const first = place === undefined ? 0 : (event.address - place.address) / qwordBytes;
  const count = byteCount / qwordBytes;
  const { letter } = book.words;
  const isSmall = place !== undefined && target.startsWith(`${place.name} ${letter}`);
  if (!isSmall) {
    return { place: undefined, qwords: [], letter, target, value };
  }
  return { place, qwords: Array.from({ length: count }, (_, i) => first + i), letter, target, value };
}

function join(last: Item, next: Item): Item | undefined {
  if (!('run' in last && 'run' in next)) {
    return undefined;
  }
  const [a, b] = [last.run, next.run];
  if (a.mark !== '' || b.mark !== '') {
    return undefined;
  }
  const isSame = a.column === b.column && a.state === b.state && a.place !== undefined && a.place === b.place;
  const isNew = !b.qwords.some((qword) => a.qwords.includes(qword));
  // Once visible, what was stored has been said at its issue.
  if (!isSame || !isNew || (a.value !== b.value && a.state !== 'visible')) {
    return undefined;
  }
  const qwords = [...a.qwords, ...b.qwords];
  const target = `${a.place?.name ?? ''} ${manyQwordsText(qwords, a.letter)}`;
  return { run: { ...a, qwords, target, eventCount: a.eventCount + b.eventCount } };
}

/** Several accesses: `q1-q7`, with the letter on both ends, unlike one wide access. */
function manyQwordsText(qwords: readonly number[], letter: string): string {
  const sorted = qwords.toSorted((a, b) => a - b);
  const runs: { first: number; last: number }[] = [];
  for (const qword of sorted) {
    const run = runs.at(-1);
    if (run !== undefined && run.last + 1 === qword) {
      run.last = qword;
    } else {
      runs.push({ first: qword, last: qword });
    }
  }
  return runs
    .map(({ first, last }) => (first === last ? qwordsText(first, 1, letter) : `${letter}${first}-${letter}${last}`))
    .join(', ');
}

function runStep({ column, state, target, value, mark, eventCount }: StoreRun): PictureStep {
  const texts = {
    done: `store ${target}${value}`,
    buffered: `store ${target}${value} (buffered)`,
    visible: `(${target} visible)`,
  };
  return { column, text: `${texts[state]}${mark}`, eventCount };
}
