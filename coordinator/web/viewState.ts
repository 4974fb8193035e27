/**
 * What a view of the console shows, and how it changes. The coordinator tells a page the whole once, and after that only what is
 * different: these functions are both ends of that.
 */

type Fact = string | number | boolean | null;

/** A line of a list. Its id tells it from the others of its list. */
export interface Row {
  readonly id: string;
}

export interface ViewState {
  readonly facts: Readonly<Record<string, Fact>>;
  readonly lists: Readonly<Record<string, readonly Row[]>>;
}

interface ListChanges {
  /** The ids of all rows, in order, when it is another order than before. */
  readonly order?: readonly string[];
  /** The rows that are new or different. */
  readonly rows?: readonly Row[];
}

export interface ViewChanges {
  readonly facts?: Readonly<Record<string, Fact>>;
  readonly lists?: Readonly<Record<string, ListChanges>>;
}

/** What turns one state of a view into another one of the same view; undefined when they are the same. */
export function changesOf(before: ViewState, after: ViewState): ViewChanges | undefined {
  const facts = Object.entries(after.facts).filter(([name, value]) => before.facts[name] !== value);
  const lists = Object.entries(after.lists).flatMap(([name, rows]) => {
    const changes = listChanges(before.lists[name] ?? [], rows);
    return changes === undefined ? [] : [[name, changes] as const];
  });
  if (facts.length + lists.length === 0) return undefined;
  return {
    ...(facts.length === 0 ? {} : { facts: Object.fromEntries(facts) }),
    ...(lists.length === 0 ? {} : { lists: Object.fromEntries(lists) }),
  };
}

/** The other end: the state after the changes. */
export function withChanges(before: ViewState, changes: ViewChanges): ViewState {
  const lists: Record<string, readonly Row[]> = { ...before.lists };
  for (const [name, { order, rows = [] }] of Object.entries(changes.lists ?? {})) {
    const known = new Map([...(lists[name] ?? []), ...rows].map((row) => [row.id, row]));
    const ids = order ?? (lists[name] ?? []).map(({ id }) => id);
    lists[name] = ids.flatMap((id) => known.get(id) ?? []);
  }
  return { facts: { ...before.facts, ...changes.facts }, lists };
}

function listChanges(before: readonly Row[], after: readonly Row[]): ListChanges | undefined {
  const known = new Map(before.map((row) => [row.id, JSON.stringify(row)]));
  const rows = after.filter((row) => known.get(row.id) !== JSON.stringify(row));
  const sameOrder = before.length === after.length && after.every(({ id }, index) => before[index]?.id === id);
  if (sameOrder && rows.length === 0) return undefined;
  return {
    ...(sameOrder ? {} : { order: after.map(({ id }) => id) }),
    ...(rows.length === 0 ? {} : { rows }),
  };
}
