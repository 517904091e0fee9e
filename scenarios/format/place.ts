/** Name of a device and one of its entries, or name of a page; then a quadword of it. */
export const placePattern = /^([a-z][a-z0-9-]*)(?:\.(root|context|directory|pasid)(?:\[([0-9]+)\])?)?(?:\.q([0-7]))?$/;

type PlaceStructure = 'root' | 'context' | 'directory' | 'pasid';

/** A place that an inline step names: `nic.pasid[1].q0`, `nic.context`, `page1.q3`. */
export interface Place {
  /** A device, or without a structure a page. */
  readonly name: string;
  readonly structure: PlaceStructure | undefined;
  readonly hasIndex: boolean;
  /** The PASID in brackets; 0 without brackets. */
  readonly pasid: number;
  readonly hasQword: boolean;
  /** 0 without one. */
  readonly qword: number;
}

/** The parts of a place; undefined for text of another form, which the schema refuses. */
export function parsePlace(text: string): Place | undefined {
  const match = placePattern.exec(text);
  if (match === null) {
    return undefined;
  }
  const [, name = '', structure, index, qword] = match;
  return {
    name,
    structure: structure as PlaceStructure | undefined,
    hasIndex: index !== undefined,
    pasid: Number(index ?? 0),
    hasQword: qword !== undefined,
    qword: Number(qword ?? 0),
  };
}
