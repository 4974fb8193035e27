import type { AuditEntry, MessageRecord } from "@yonexus/protocol/redis";
import { describe, expect, it } from "vitest";
import { timelineOf } from "./followerView.ts";

const entry = (at: number, event: string): AuditEntry => ({ at, event, details: {} });
const message = (messageId: string, settledAt: number): MessageRecord => ({
  ...{
    messageId,
    identifier: "alpha",
    delivery: "queued",
    state: "acked",
    acceptedAt: 1,
    settledAt,
    tries: 1,
    bytes: 3,
  },
});

describe("a timeline", () => {
  it("is one of both what happened and what became of messages, newest first", () => {
    const rows = timelineOf([entry(30, "offline"), entry(10, "online")], [message("m", 20)]);
    expect(rows.map(({ at, what }) => `${at} ${what}`)).toEqual(["30 offline", "20 acked", "10 online"]);
  });

  it("keeps what happened at once in the order of the audit", () => {
    const rows = timelineOf([entry(5, "paired"), entry(5, "pairing_approved")], []);
    expect(rows.map(({ what }) => what)).toEqual(["paired", "pairing_approved"]);
  });

  it("gives every row a name that stays when more happens in the same millisecond", () => {
    const before = timelineOf([entry(5, "online"), entry(5, "online")], []).map(({ id }) => id);
    const after = timelineOf([entry(5, "online"), entry(5, "online"), entry(5, "online")], []).map(({ id }) => id);
    expect(new Set(after).size).toBe(3);
    expect(after.slice(1)).toEqual(before);
  });
});
