import { expect, it } from "vitest";
import { isRefusal } from "./redisRefusal.ts";

it.each([
  ["ERR value is not an integer or out of range", true],
  ["WRONGTYPE Operation against a key holding the wrong kind of value", true],
  ["OOM command not allowed when used memory > 'maxmemory'.", false],
  ["READONLY You can't write against a read only replica.", false],
  ["NOAUTH Authentication required.", false],
])("%s is about the one record: %s", (message, isAboutRecord) => {
  expect(isRefusal(Object.assign(new Error(message), { name: "ReplyError" }))).toBe(isAboutRecord);
});
