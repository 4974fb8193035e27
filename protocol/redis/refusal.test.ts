import { describe, expect, it } from "vitest";
import { explainRefusal, outageReason } from "./refusal.ts";

function reply(message: string): Error {
  return Object.assign(new Error(message), { name: "ReplyError" });
}

describe("a refusal of Redis", () => {
  it.each([
    ["OOM command not allowed when used memory > 'maxmemory'. script: 1f, on @user_script:1.", "server", "maxmemory"],
    ["READONLY You can't write against a read only replica.", "server", "primary"],
    ["MISCONF Redis is configured to save RDB snapshots", "server", "disk"],
    ["NOAUTH Authentication required.", "password", "REDIS_URL"],
    ["WRONGPASS invalid username-password pair or user is disabled.", "password", "REDIS_URL"],
    ["ERR something new", "command", "log of Redis"],
  ])("%s says what it concerns, and its mend", (message, concerns, mend) => {
    const refusal = explainRefusal(reply(message));
    expect(refusal).toMatchObject({ concerns });
    expect(refusal?.mend).toContain(mend);
  });

  it("names the setting of the URL as its reader calls it", () => {
    const mend = (word: string) => explainRefusal(reply(`${word} x`), (name) => `my ${name}`)?.mend;
    expect(mend("NOAUTH")).toBe("Put its password into my redisUrl.");
    expect(mend("READONLY")).toBe("Let my redisUrl name the primary.");
  });

  it("is found in the error of a cluster, which wraps it", () => {
    const error = Object.assign(new Error("Failed to refresh slots cache."), { lastNodeError: reply("NOAUTH x") });
    expect(explainRefusal(error)).toMatchObject({ concerns: "password" });
  });

  it("is no error of the connection", () => {
    expect(explainRefusal(new Error("OOM"))).toBeUndefined();
    expect(explainRefusal("OOM")).toBeUndefined();
  });
});

describe("the reason of an outage", () => {
  it("is the innermost, and none when nothing answered", () => {
    expect(outageReason(new AggregateError([new Error("connect ECONNREFUSED ::1:1")]))).toBe(
      "connect ECONNREFUSED ::1:1",
    );
    expect(outageReason(new Error("Stream isn't writeable and enableOfflineQueue options is false"))).toBeUndefined();
    expect(outageReason(undefined)).toBeUndefined();
  });
});
