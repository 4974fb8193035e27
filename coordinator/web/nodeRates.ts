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

/** Makes rates of the sums that nodes tell with their leases. */
export class NodeRates {
  #before = new Map<string, { readonly renewedAt: number; readonly work: NodeWork }>();

  /** What happened since the last call. A node that came since tells nothing yet, nor does one that did not renew its lease. */
  update(records: readonly NodeRecord[]): WorkRates {
    const told = records.flatMap(({ nodeId, renewedAt, work }) =>
      work === undefined ? [] : [{ nodeId, renewedAt, work }],
    );
    const since = told.flatMap(({ nodeId, renewedAt, work }) => {
      const before = this.#before.get(nodeId);
      return before === undefined || before.renewedAt >= renewedAt
        ? []
        : [{ seconds: (renewedAt - before.renewedAt) / 1_000, work, before: before.work }];
    });
    this.#before = new Map(told.map(({ nodeId, renewedAt, work }) => [nodeId, { renewedAt, work }]));
    const rate = (name: "received" | "sent"): number | null =>
      since.length === 0
        ? null
        : hundredths(sum(since.map(({ seconds, work, before }) => (work[name] - before[name]) / seconds)));
    const acks = sum(since.map(({ work, before }) => work.acks - before.acks));
    const ackMs = sum(since.map(({ work, before }) => work.ackMs - before.ackMs));
    return {
      ...{ received: rate("received"), sent: rate("sent") },
      ackMs: acks === 0 ? null : hundredths(ackMs / acks),
      routeMs: told.length === 0 ? null : Math.max(...told.map(({ work }) => work.routeMs)),
    };
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
