import { describe, expect, it } from "vitest";
import { explainConnection } from "./connectionFailure.ts";
import { RedisUnreachableError } from "./errors.ts";

const failure = (message: string, fields: Record<string, unknown> = {}) => Object.assign(new Error(message), fields);

describe("why a connection fails", () => {
  it.each([
    [failure("write EPROTO 1:error:0A00010B:SSL routines:ssl3_get_record:wrong version number", { code: "EPROTO" })],
    [failure("wrong version number", { code: "ERR_SSL_WRONG_VERSION_NUMBER" })],
    [failure("packet length too long", { code: "ERR_SSL_PACKET_LENGTH_TOO_LONG" })],
  ])("is a server without TLS: %s", (error) => {
    expect(explainConnection(error)).toMatchObject({
      found: expect.stringContaining("does not speak TLS"),
      mend: expect.stringContaining("redis:// in place of rediss://"),
    });
  });

  it.each([
    "SELF_SIGNED_CERT_IN_CHAIN",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  ])("is a certificate of an unknown authority: %s", (code) => {
    expect(explainConnection(failure("no", { code }))?.mend).toContain("YONEXUS_REDIS_CA");
  });

  it.each([
    ["ERR_TLS_CERT_ALTNAME_INVALID", "another host"],
    ["CERT_HAS_EXPIRED", "expired"],
    ["ECONNREFUSED", "Nothing listens"],
    ["ENOTFOUND", "no address"],
    ["EAI_AGAIN", "no address"],
    ["EHOSTUNREACH", "no way"],
    ["ENETUNREACH", "no way"],
    ["ETIMEDOUT", "did not answer in time"],
  ])("is %s: %s", (code, found) => {
    expect(explainConnection(failure("no", { code }))?.found).toContain(found);
  });

  it("is the socket's file, and no other file", () => {
    for (const code of ["ENOENT", "EACCES"]) {
      expect(explainConnection(failure("no", { code, syscall: "connect" }))?.found).toContain("socket");
      expect(explainConnection(failure("no", { code, syscall: "open" }))).toBeUndefined();
    }
  });

  it.each([
    [failure("read ECONNRESET", { code: "ECONNRESET" }), "rediss://"],
    [failure("Client network socket disconnected before secure TLS connection", { code: "ECONNRESET" }), "redis://"],
    [failure("Connection is closed."), "rediss://"],
  ])("may be TLS on one side alone when it was closed, and may be a restart: %s", (error, scheme) => {
    const explained = explainConnection(error);
    expect(explained?.found).toContain("was closed before");
    expect(explained?.mend).toMatch(/^Wait if Redis was just stopped or started/u);
    expect(explained?.mend).toContain(scheme);
  });

  it.each([
    [failure("Command timed out"), "did not answer in time"],
    [new RedisUnreachableError("Redis did not answer"), "did not answer in time"],
    [failure("Stream isn't writeable and enableOfflineQueue options is false"), "no connection"],
    [failure("All sentinels are unreachable. Retrying from scratch after 10ms."), "No Sentinel"],
  ])("is told by its text where it has no code: %s", (error, found) => {
    expect(explainConnection(error)?.found).toContain(found);
  });

  it("is found in what wraps it: two addresses of one host, and the servers of a cluster", () => {
    const refused = failure("connect ECONNREFUSED ::1:6379", { code: "ECONNREFUSED" });
    expect(explainConnection(new AggregateError([refused, refused]))?.found).toContain("Nothing listens");
    const cluster = (lastNodeError: Error) =>
      failure("Failed to refresh slots cache.", { name: "ClusterAllFailedError", lastNodeError });
    expect(explainConnection(cluster(refused))?.found).toContain("Nothing listens");
    expect(explainConnection(cluster(failure("Connection is closed.")))?.found).toContain("Redis Cluster");
    const noAuth = failure("NOAUTH Authentication required.", { name: "ReplyError" });
    expect(explainConnection(cluster(noAuth))?.found).toContain("password");
  });

  it("is what Redis itself refuses with, where it answers", () => {
    const readOnly = failure("READONLY You can't write against a read only replica.", { name: "ReplyError" });
    expect(explainConnection(readOnly)).toEqual({
      found: "Redis is a read-only replica and refuses to write",
      mend: "Let REDIS_URL name the primary.",
    });
  });

  it("names settings as its reader calls them, and none by the name that another reader has for it", () => {
    const errors = [
      ...["ECONNREFUSED", "ENOTFOUND", "EHOSTUNREACH", "ETIMEDOUT", "EPROTO", "SELF_SIGNED_CERT_IN_CHAIN"],
      ...["ERR_TLS_CERT_ALTNAME_INVALID", "CERT_HAS_EXPIRED", "ECONNRESET"],
    ].map((code) => failure("no", { code }));
    errors.push(
      ...["ENOENT", "EACCES"].map((code) => failure("no", { code, syscall: "connect" })),
      ...[40, 42, 70].map((alert) => failure(`SSL alert number ${alert}`)),
      ...[
        "Client network socket disconnected before secure TLS",
        "All sentinels are unreachable",
        "Command timed out",
      ].map((text) => failure(text)),
      ...["Stream isn't writeable", "Connection is closed"].map((text) => failure(text)),
      failure("Failed to refresh slots cache.", { name: "ClusterAllFailedError", lastNodeError: failure("gone") }),
      ...["OOM", "READONLY", "NOAUTH", "WRONGPASS", "NOPERM", "MASTERDOWN", "CLUSTERDOWN", "ERR"].map((word) =>
        failure(`${word} x`, { name: "ReplyError" }),
      ),
    );
    const names = new Set<string>();
    for (const error of errors) {
      const { found, mend } = explainConnection(error, (name) => `<${name}>`) ?? { found: "", mend: "" };
      expect(found).not.toBe("");
      expect(`${found}. ${mend}`).not.toMatch(/REDIS_|YONEXUS_/u);
      for (const [, name = ""] of `${found} ${mend}`.matchAll(/<(\w+)>/gu)) names.add(name);
    }
    expect([...names].toSorted()).toEqual(["redisCa", "redisCert", "redisKey", "redisUrl"]);
  });

  it("is unknown of anything else", () => {
    for (const other of [new Error("of a handler"), new TypeError("no"), "ECONNREFUSED", undefined]) {
      expect(explainConnection(other)).toBeUndefined();
    }
  });
});
