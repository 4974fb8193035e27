import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RedisUrlError } from "./errors.ts";
import { parseRedisUrl } from "./redisUrl.ts";

describe("REDIS_URL", () => {
  it.each([
    ["redis://", { kind: "single", options: { host: "127.0.0.1", port: 6379 } }],
    ["redis://cache:6380/2", { kind: "single", options: { host: "cache", port: 6380, db: 2 } }],
    ["REDIS://[2001:db8::1]:7000", { kind: "single", options: { host: "2001:db8::1", port: 7000 } }],
    ["rediss://cache", { kind: "single", options: { host: "cache", port: 6379, tls: {} } }],
    [
      "redis://user:p%40ss%2Fword@cache/1",
      { kind: "single", options: { host: "cache", port: 6379, username: "user", password: "p@ss/word", db: 1 } },
    ],
    ["redis://:secret@cache", { kind: "single", options: { host: "cache", port: 6379, password: "secret" } }],
    ["redis+unix:///run/redis.sock", { kind: "single", options: { path: "/run/redis.sock" } }],
    ["redis+unix:///run/my%20redis.sock?db=3", { kind: "single", options: { path: "/run/my redis.sock", db: 3 } }],
    [
      "redis+sentinel://:pw@s1,s2:26380/main/4",
      {
        kind: "sentinel",
        options: {
          sentinels: [
            { host: "s1", port: 26_379 },
            { host: "s2", port: 26_380 },
          ],
          name: "main",
          failoverDetector: true,
          password: "pw",
          db: 4,
        },
      },
    ],
    [
      "redis+cluster://c1:7000,c2:7001,[::1]:7002/",
      {
        kind: "cluster",
        nodes: [
          { host: "c1", port: 7000 },
          { host: "c2", port: 7001 },
          { host: "::1", port: 7002 },
        ],
        options: {},
      },
    ],
  ])("is read: %s", (text, target) => {
    expect(parseRedisUrl(text)).toEqual(target);
  });

  it.each([
    "",
    "cache:6379",
    "http://cache",
    "redis://cache:0",
    "redis://cache:65536",
    "redis://cache:port",
    "redis://cache/one",
    "redis://cache/0/1",
    "redis://cache#fragment",
    "redis://:p@ss@cache",
    "redis://a b",
    "redis://:%zz@cache",
    "redis+unix://",
    "redis+unix://run/redis.sock",
    "redis+unix:///run/%zz.sock",
    "redis+sentinel://s1",
    "redis+sentinel://s1,/main",
    "redis+sentinel://s1/%zz",
    "redis+cluster://",
    "redis+cluster://c1,,c2",
    "redis+cluster://c1/1",
  ])("is refused with what to write in its place: %j", (text) => {
    expect(() => parseRedisUrl(text)).toThrow(RedisUrlError);
    expect(() => parseRedisUrl(text)).toThrow(/REDIS_URL/u);
    expect(() => parseRedisUrl(text, (name) => `${name} in a file`)).toThrow(/^redisUrl in a file /u);
  });

  it("that is refused is refused with a RedisUrlError, whatever the text", () => {
    const scheme = fc.constantFrom("redis", "rediss", "redis+unix", "redis+sentinel", "redis+cluster");
    const rest = fc.string({
      unit: fc.constantFrom("a", "1", ":", "/", "@", "%", "4", "0", ",", "?", "#", "[", "]", "=", "é"),
    });
    const text = fc.oneof(
      fc.array(fc.integer({ min: 0, max: 0x2fff }), { maxLength: 30 }).map((points) => String.fromCodePoint(...points)),
      fc.tuple(scheme, rest).map(([start, end]) => `${start}://${end}`),
    );
    fc.assert(
      fc.property(text, (given) => {
        try {
          parseRedisUrl(given);
        } catch (error) {
          expect(error).toBeInstanceOf(RedisUrlError);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it("that is refused never repeats the password, in the message or in the cause, also when it was not encoded", () => {
    const scheme = fc.constantFrom("redis", "rediss", "redis+unix", "redis+sentinel", "redis+cluster");
    const glue = fc.string({ unit: fc.constantFrom(":", "/", "@", "%", "%zz", "?", "#", "[", ",", " ") });
    fc.assert(
      fc.property(scheme, glue, glue, glue, (start, one, two, three) => {
        const given = `${start}://user${one}:HUNTER2${two}HUNTER3@host${three}`;
        try {
          parseRedisUrl(given);
        } catch (error) {
          const { message, cause } = error as Error;
          expect(`${message} ${String(cause)}`).not.toMatch(/HUNTER/u);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("never takes a part of a password for a host, which an error of the connection would print", () => {
    const password = fc.string({ unit: fc.constantFrom("S", "S", "@", ":", "/", "?", "#", "!") });
    fc.assert(
      fc.property(password, (text) => {
        try {
          const target = parseRedisUrl(`redis://:${text}@host`);
          expect(target.kind === "single" ? target.options.host : "").not.toMatch(/[S@!]/u);
        } catch (error) {
          expect(error).toBeInstanceOf(RedisUrlError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
