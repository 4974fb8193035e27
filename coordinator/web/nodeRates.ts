import type { NodeRecord, NodeWork } from "@yonexus/protocol/redis";

/** What the nodes do together. `null` where nothing is known of it. */
export interface WorkRates {
  /** Messages of followers that were stored, and messages that followers got; a second. */
  readonly received: number | null;
  readonly sent: number | null;
  /** From the socket on until the follower's ack, on average (ms). */
  readonly ackMs: number | null;
  /** From a publish until a node reads it: of the node that takes longest (ms). */
  readonly routeMs: number | null;
}

/** What one node told last, and what it did between that and what it told before. */
interface Told {
  readonly renewedAt: number;
  readonly work: NodeWork;
  readonly done: (Pick<NodeWork, "received" | "sent" | "acks" | "ackMs"> & { readonly seconds: number }) | undefined;
}

/** Makes rates of the sums that nodes tell with their leases. */
export class NodeRates {
  #told: ReadonlyMap<string, Told> = new Map();

  /**
   * The rates of the nodes that hold a lease. Each tells when it renews: until it does again, what it did last counts. One that
   * came since the last call tells nothing yet.
   */
  update(records: readonly NodeRecord[]): WorkRates {
    const told = records.flatMap(({ nodeId, renewedAt, work }): [string, Told][] => {
      if (work === undefined) return [];
      const before = this.#told.get(nodeId);
      return [
        [
          nodeId,
          before?.renewedAt === renewedAt ? before : { renewedAt, work, done: doneSince(before, renewedAt, work) },
        ],
      ];
    });
    this.#told = new Map(told);
    const done = told.flatMap(([, each]) => each.done ?? []);
    const rate = (name: "received" | "sent"): number | null =>
      done.length === 0 ? null : hundredths(sum(done.map((each) => each[name] / each.seconds)));
    const acks = sum(done.map((each) => each.acks));
    return {
      ...{ received: rate("received"), sent: rate("sent") },
      ackMs: acks === 0 ? null : hundredths(sum(done.map((each) => each.ackMs)) / acks),
      routeMs: told.length === 0 ? null : Math.max(...told.map(([, { work }]) => work.routeMs)),
    };
  }
}

function doneSince(before: Told | undefined, renewedAt: number, work: NodeWork): Told["done"] {
  // A Redis that took over from another one may be behind it.
  if (before === undefined || renewedAt <= before.renewedAt) return undefined;
  return {
    seconds: (renewedAt - before.renewedAt) / 1_000,
    received: work.received - before.work.received,
    sent: work.sent - before.work.sent,
    acks: work.acks - before.work.acks,
    ackMs: work.ackMs - before.work.ackMs,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
