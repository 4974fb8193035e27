import type { NodeRecord, NodeWork } from "@yonexus/protocol/redis";
import { describe, expect, it } from "vitest";
import { NodeRates } from "./nodeRates.ts";

const NOTHING: NodeWork = { received: 0, sent: 0, acks: 0, ackMs: 0, routeMs: 1 };

function record(nodeId: string, renewedAt: number, work?: Partial<NodeWork>): NodeRecord {
  return {
    ...{ nodeId, name: nodeId, url: "", pid: 1, version: "1", startedAt: 1, sessions: 0, draining: false, renewedAt },
    ...(work === undefined ? {} : { work: { ...NOTHING, ...work } }),
  };
}

describe("the rates of the nodes", () => {
  it("are the sum of what each did between two renewals of its lease", () => {
    const rates = new NodeRates();
    rates.update([record("a", 0, {}), record("b", 1_000, {})]);
    expect(
      rates.update([
        record("a", 5_000, { received: 10, sent: 50 }),
        record("b", 3_000, { received: 2, sent: 4, routeMs: 7 }),
      ]),
    ).toEqual({ received: 3, sent: 12, ackMs: null, routeMs: 7 });
  });

  it("tell how long acks took on average", () => {
    const rates = new NodeRates();
    rates.update([record("a", 0, { acks: 10, ackMs: 1_000 })]);
    expect(rates.update([record("a", 5_000, { acks: 14, ackMs: 1_020 })]).ackMs).toBe(5);
  });

  it("stay what they were until a node renews its lease, and go with it", () => {
    const rates = new NodeRates();
    rates.update([record("a", 0, {})]);
    expect(rates.update([record("a", 5_000, { sent: 10 })]).sent).toBe(2);
    expect(rates.update([record("a", 5_000, { sent: 10 })]).sent).toBe(2);
    expect(rates.update([record("a", 10_000, { sent: 10 })]).sent).toBe(0);
    expect(rates.update([]).sent).toBeNull();
  });

  it("are unknown at first, and of nodes that tell nothing", () => {
    const nothing = { received: null, sent: null, ackMs: null };
    expect(new NodeRates().update([record("a", 0, { sent: 5 })])).toEqual({ ...nothing, routeMs: 1 });
    expect(new NodeRates().update([record("old", 0)])).toEqual({ ...nothing, routeMs: null });
  });
});
