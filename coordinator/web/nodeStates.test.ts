import type { NodeRecord } from "@yonexus/protocol/redis";
import { describe, expect, it } from "vitest";
import { NodeStates, type NodesSeen } from "./nodeStates.ts";

const LEASE_MS = 15_000;

function record(nodeId: string, changes: Partial<NodeRecord> = {}): NodeRecord {
  return {
    ...{
      nodeId,
      name: nodeId,
      url: `ws://${nodeId}`,
      pid: 1,
      version: "1",
      startedAt: 1,
      sessions: 3,
      draining: false,
    },
    renewedAt: 100_000,
    ...changes,
  };
}

function seen(records: readonly NodeRecord[], changes: Partial<NodesSeen> = {}): NodesSeen {
  return {
    now: 100_000,
    records,
    listed: new Set(records.map(({ nodeId }) => nodeId)),
    listeners: new Map(records.map(({ nodeId }) => [nodeId, 1])),
    ...changes,
  };
}

const states = (watch: NodeStates, what: NodesSeen) =>
  Object.fromEntries(watch.update(what).map(({ id, state }) => [id, state]));

describe("a node", () => {
  it("is ready while it renews its lease, and late when it did not for two thirds of it", () => {
    const watch = new NodeStates(LEASE_MS);
    expect(states(watch, seen([record("a")], { now: 110_000 }))).toEqual({ a: "ready" });
    expect(states(watch, seen([record("a")], { now: 110_001 }))).toEqual({ a: "late" });
  });

  it("is lost at once when nobody hears its channel, and since when it was found so stays", () => {
    const watch = new NodeStates(LEASE_MS);
    watch.update(seen([record("a")]));
    expect(states(watch, seen([record("a")], { listeners: new Map([["a", 0]]), now: 100_500 }))).toEqual({ a: "lost" });
    const [row] = watch.update(seen([record("a")], { listeners: new Map([["a", 0]]), now: 101_000 }));
    expect(row?.goneAt).toBe(100_500);
  });

  it("is lost when its lease lapsed, where Redis cannot say who hears a channel", () => {
    const watch = new NodeStates(LEASE_MS);
    watch.update(seen([record("a")], { listeners: new Map() }));
    expect(states(watch, seen([], { listed: new Set(["a"]) }))).toEqual({ a: "lost" });
    expect(states(watch, seen([])), "and after it was swept").toEqual({ a: "lost" });
  });

  it("is back when its channel is heard again", () => {
    const watch = new NodeStates(LEASE_MS);
    watch.update(seen([record("a")], { listeners: new Map([["a", 0]]) }));
    expect(watch.update(seen([record("a")]))).toMatchObject([{ state: "ready", goneAt: null }]);
  });

  it("is stopped when it gave its lease back, after it drained or at once", () => {
    const watch = new NodeStates(LEASE_MS);
    expect(states(watch, seen([record("a", { draining: true }), record("b")]))).toEqual({ a: "draining", b: "ready" });
    expect(states(watch, seen([]))).toEqual({ a: "stopped", b: "stopped" });
  });

  it("that is gone is forgotten after ten minutes", () => {
    const watch = new NodeStates(LEASE_MS);
    watch.update(seen([record("a")]));
    watch.update(seen([]));
    expect(watch.update(seen([], { now: 699_999 }))).toHaveLength(1);
    expect(watch.update(seen([], { now: 700_000 }))).toEqual([]);
  });

  it("that was lost before this coordinator came is shown by its name", () => {
    const rows = new NodeStates(LEASE_MS).update(seen([], { listed: new Set(["front-2-abc"]) }));
    expect(rows).toMatchObject([{ id: "front-2-abc", name: "front-2", state: "lost" }]);
  });

  it("is one of fifty at most that are gone", () => {
    const watch = new NodeStates(LEASE_MS);
    watch.update(seen(Array.from({ length: 70 }, (_, index) => record(`n${index}`))));
    expect(watch.update(seen([]))).toHaveLength(50);
  });
});
