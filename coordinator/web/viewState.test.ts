import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changesOf, type Row, type ViewState, withChanges } from "./viewState.ts";

interface NumberedRow extends Row {
  readonly value: number;
}

const rows: fc.Arbitrary<readonly NumberedRow[]> = fc.uniqueArray(
  fc.record({ id: fc.constantFrom("a", "b", "c", "d", "e"), value: fc.nat(2) }),
  { selector: ({ id }) => id },
);
const state: fc.Arbitrary<ViewState> = fc.record({
  facts: fc.record({ one: fc.option(fc.nat(2)), other: fc.constantFrom("x", "y", true) }),
  lists: fc.record({ first: rows, second: rows }),
});

describe("a view", () => {
  it("is the same at both ends after any changes", () => {
    fc.assert(
      fc.property(fc.array(state, { minLength: 2, maxLength: 6 }), (states) => {
        let shown = states[0] ?? { facts: {}, lists: {} };
        for (const [index, next] of states.slice(1).entries()) {
          const changes = changesOf(states[index] ?? next, next);
          if (changes !== undefined) shown = withChanges(shown, JSON.parse(JSON.stringify(changes)));
          expect(shown).toEqual(next);
        }
      }),
    );
  });

  it("that did not change needs no word", () => {
    fc.assert(
      fc.property(state, (same) => {
        expect(changesOf(same, structuredClone(same))).toBeUndefined();
      }),
    );
  });

  it("with one row of many that changed tells that row alone", () => {
    const before = { facts: { all: 2 }, lists: { nodes: [{ id: "a" }, { id: "b", sessions: 1 }] } };
    const after = { facts: { all: 2 }, lists: { nodes: [{ id: "a" }, { id: "b", sessions: 2 }] } };
    expect(changesOf(before, after)).toEqual({ lists: { nodes: { rows: [{ id: "b", sessions: 2 }] } } });
  });

  it("from which a row went tells the order alone", () => {
    const before = { facts: {}, lists: { nodes: [{ id: "a" }, { id: "b" }] } };
    expect(changesOf(before, { facts: {}, lists: { nodes: [{ id: "b" }] } })).toEqual({
      lists: { nodes: { order: ["b"] } },
    });
  });
});
