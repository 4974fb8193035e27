import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findRedisBinary } from "./redisBinary.ts";

describe("the Redis server on the PATH", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "yonexus-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const install = (program: string, says: string) => {
    writeFileSync(join(folder, program), `#!/bin/sh\necho '${says}'\n`);
    chmodSync(join(folder, program), 0o755);
  };
  const find = () => findRedisBinary({ PATH: ["/nowhere", folder].join(delimiter) });

  it("is used when it is new enough", () => {
    install("redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64");
    expect(find()).toEqual({ found: true, path: join(folder, "redis-server"), version: "7.0.15" });
  });

  it("may be a Valkey", () => {
    install("redis-server", "Redis server v=6.0.16 sha=00000000:0");
    install("valkey-server", "Valkey server v=8.1.3 sha=00000000:0");
    expect(find()).toMatchObject({ found: true, path: join(folder, "valkey-server") });
  });

  it("that is too old is named, with its version", () => {
    install("redis-server", "Redis server v=6.0.16 sha=00000000:0");
    expect(find()).toMatchObject({ found: false, because: expect.stringContaining("6.0.16") });
  });

  it("may be missing", () => {
    expect(find()).toEqual({ found: false, because: "there is no redis-server or valkey-server on the PATH" });
  });
});
