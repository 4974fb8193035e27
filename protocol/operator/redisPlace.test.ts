import { describe, expect, it } from "vitest";
import { parseRedisUrl } from "../redis/index.ts";
import { redisPlace, unixSocketUrl } from "./redisPlace.ts";

describe("the place of a Redis", () => {
  it.each([
    ["redis://user:hidden@db.example:7000/2", "db.example:7000"],
    ["rediss://:hidden@[::1]", "[::1]:6379"],
    ["redis+unix:///run/redis.sock", "/run/redis.sock"],
    ["redis+sentinel://:hidden@a,b:5000/main", "a:26379, b:5000 (Sentinel group main)"],
    ["redis+cluster://:hidden@a:1,b:2", "a:1, b:2 (Redis Cluster)"],
  ])("of %s is %s, without the password", (url, place) => {
    expect(redisPlace(url)).toBe(place);
    expect(redisPlace(url)).not.toContain("hidden");
  });

  it("behind a socket in a folder with odd characters survives as a URL", () => {
    const path = "/data/a b/50% #1?/redis.sock";
    expect(parseRedisUrl(unixSocketUrl(path))).toMatchObject({ kind: "single", options: { path } });
  });
});
