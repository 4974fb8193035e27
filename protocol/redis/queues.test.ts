import { expect, it } from "vitest";
import { type LimitNoticeJob, noticeJobOptions, type TakeoverNoticeJob } from "./queues.ts";

it("a limit is told once an hour for each identifier and limit, by the time that is given", () => {
  const job: LimitNoticeJob = { kind: "limit", identifier: "alice", address: "192.0.2.1", limit: "address_limit" };
  const id = (now: number, changes: Partial<LimitNoticeJob> = {}) =>
    noticeJobOptions({ ...job, ...changes }, now).jobId;
  const hour = 3_600_000;
  expect(id(5 * hour)).toBe(id(6 * hour - 1));
  expect(id(5 * hour)).not.toBe(id(6 * hour));
  expect(id(5 * hour)).not.toBe(id(5 * hour, { identifier: "bob" }));
  expect(id(5 * hour)).not.toBe(id(5 * hour, { limit: "pending_limit" }));
  expect(id(5 * hour)).toBe(id(5 * hour, { address: "192.0.2.2" }));
});

it("a takeover conflict is told once an hour for each identifier, whatever the addresses", () => {
  const job: TakeoverNoticeJob = { kind: "takeover", identifier: "alice", address: "192.0.2.1", owner: "192.0.2.2" };
  const id = (now: number, changes: Partial<TakeoverNoticeJob> = {}) =>
    noticeJobOptions({ ...job, ...changes }, now).jobId;
  const hour = 3_600_000;
  expect(id(5 * hour)).toBe(id(6 * hour - 1, { address: "192.0.2.3", owner: "192.0.2.4" }));
  expect(id(5 * hour)).not.toBe(id(6 * hour));
  expect(id(5 * hour)).not.toBe(id(5 * hour, { identifier: "bob" }));
});
