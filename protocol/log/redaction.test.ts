import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLogger } from "./index.ts";

/** What a logger writes of something. */
function written(log: (logger: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  log(createLogger("trace", "test", { write: (line) => void lines.push(line) }));
  return lines.join("");
}

const NAMES = [
  "secret",
  "sharedSecret",
  "sealed_secret",
  "previous-secret",
  "SECRET",
  "password",
  "redisPassword",
  "passphrase",
  "token",
  "notifyBotToken",
  "BOT_TOKEN",
  "signature",
  "x-signature-ed25519",
  "nonce",
  "masterKey",
  "masterKeys",
  "privateKey",
  "pairingCode",
  "code",
  "content",
  "frame",
  "body",
  "authorization",
  "cookie",
  "set-cookie",
  "csrfToken",
  "credentials",
  "key",
  "redisUrl",
];

/** Ways to put a value somewhere. */
const SHAPES: readonly ((value: unknown) => unknown)[] = [
  (value) => ({ inside: value }),
  (value) => [value],
  (value) => new Map([["inside", value]]),
  (value) => new Set([value]),
  (value) => Object.assign(new Error("failed"), { detail: value }),
  (value) => new Error("failed", { cause: value }),
  (value) => new AggregateError([value], "several failed"),
  (value) => ({ toJSON: () => value }),
];

describe("what is never written", () => {
  it("is what has the name of a secret, in whatever it stands", () => {
    const text = fc.stringMatching(/^[a-z]{20}$/u);
    const path = fc.array(fc.constantFrom(...SHAPES), { maxLength: 5 });
    fc.assert(
      fc.property(
        fc.constantFrom(...NAMES),
        text,
        path,
        fc.constantFrom("own", "list", "map"),
        (name, secret, shapes, place) => {
          const held = place === "map" ? new Map([[name, secret]]) : { [name]: place === "list" ? [secret] : secret };
          const value = shapes.reduce((inner: unknown, shape) => shape(inner), held);
          const lines = written((logger) => {
            logger.info({ value }, "said");
            logger.error(value instanceof Error ? value : { err: value }, "said");
            logger.child({ value }).child({ more: value }).warn("said");
          });
          expect(lines).not.toContain(secret);
          expect(lines.split("\n").filter((line) => line !== "")).toHaveLength(3);
        },
      ),
    );
  });

  it.each([
    ["the password of a URL", "redis://user:hunter2hunter2@host:6379/0", "hunter2"],
    ["a password without a user", "rediss://:hunter2@host", "hunter2"],
    ["a pairing code", "the code is 7K3M-Q2XW, says somebody", "7K3M-Q2XW"],
    ["32 bytes in base64", `key ${Buffer.alloc(32, 250).toString("base64")}`, Buffer.alloc(32, 250).toString("base64")],
    ["a signature", Buffer.alloc(64, 9).toString("base64"), Buffer.alloc(64, 9).toString("base64")],
    ["a bot's token", `Bot ${"A".repeat(24)}.${"b".repeat(6)}.${"c".repeat(30)}`, "cccccccccc"],
  ])("is %s, in a text, a message, an error and its stack", (_, text, secret) => {
    const lines = written((logger) => {
      logger.info({ text }, "said");
      logger.info(`said ${text}`);
      logger.info("said %s", text);
      logger.error({ err: new Error(text) }, text);
      logger.error({ deep: { list: [text] } }, "said");
    });
    expect(lines).not.toContain(secret);
    expect(lines).toContain("[redacted]");
  });

  it("is what was asked of Redis, when an error keeps the command: its name is enough", () => {
    const secret = "chat::what was said";
    const reply = (): Error =>
      Object.assign(new Error("WRONGTYPE Operation against a key"), {
        command: { name: "evalsha", args: ["x", secret] },
      });
    const lines = written((logger) => {
      logger.warn({ err: reply() }, "said");
      logger.warn(reply());
      logger.warn({ err: new Error("outer", { cause: reply() }) }, "said");
      logger.warn(
        { err: Object.assign(new Error("outer"), { previousErrors: [reply()], lastNodeError: reply() }) },
        "said",
      );
      logger.warn({ error: `ERR unknown command 'foo', with args beginning with: 'x' '${secret}' ` }, "said");
    });
    expect(lines).not.toContain(secret);
    expect(lines.match(/"command":\{"name":"evalsha"\}/gu)).toHaveLength(5);
  });

  it("is what a configuration hides of itself", () => {
    const config = { shown: 1, toJSON: () => ({ shown: 1, hidden: "(set)" }), hidden: "hunter2" };
    expect(written((logger) => logger.info({ config }, "said"))).not.toContain("hunter2");
  });
});

describe("what is written", () => {
  const fieldsOf = (fields: object) =>
    JSON.parse(written((logger) => logger.info(fields, "said"))) as Record<string, unknown>;

  it("is all that has no such name: identifiers, ids, fingerprints, counts", () => {
    const fields = {
      event: "session_opened",
      identifier: "alice",
      connectionId: "Zm9vYmFyYmF6",
      nodeId: "front-1-a1b2c3d4",
      fingerprint: "SHA256:4f2a9c",
      keyIds: ["k1"],
      secrets: 3,
      tokenKnown: true,
      at: "2026-11-27T06:44:00.000Z",
      url: "ws://127.0.0.1:8787",
    };
    expect(fieldsOf(fields)).toMatchObject({ ...fields, at: expect.any(String) });
  });

  it("is the kind, message, stack and code of an error, and of what caused it", () => {
    const cause = Object.assign(new TypeError("inner"), { code: "ECONNREFUSED", port: 6379 });
    const { err } = fieldsOf({ err: new Error("outer", { cause }) });
    expect(err).toMatchObject({
      type: "Error",
      message: "outer",
      stack: expect.stringContaining("redaction.test.ts"),
      cause: { type: "TypeError", message: "inner", code: "ECONNREFUSED", port: 6379 },
    });
  });

  it("is bounded, and says what was cut off", () => {
    const itself: Record<string, unknown> = { list: Array.from({ length: 150 }, (_, index) => index) };
    itself.itself = itself;
    let deep: unknown = "bottom";
    for (let depth = 0; depth < 20; depth++) deep = { deep };
    const fields = fieldsOf({ itself, deep, long: "x".repeat(100_000), bytes: new Uint8Array(5), big: 5n });
    expect(fields).toMatchObject({ itself: { itself: "[itself]" }, bytes: "[5 bytes]", big: "5" });
    expect(inspect(fields, { depth: 20 })).toContain("[deeper]");
    expect(JSON.stringify(fields).length).toBeLessThan(10_000);
    expect((fields.itself as { list: unknown[] }).list.at(-1)).toBe("50 more");
  });
});
