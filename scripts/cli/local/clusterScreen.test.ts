import { describe, expect, it } from "vitest";
import { pairingCodeText, readyText, restartedText } from "./clusterScreen.ts";

const cluster = {
  nodes: ["ws://127.0.0.1:8787", "ws://127.0.0.1:8788"],
  redis: "redis://:hidden@localhost",
  redisText: "Redis 7.0.15",
  dataDir: ".yonexus",
};

describe("the words of a started cluster", () => {
  it("tell what runs and what to type next", () => {
    const text = readyText(cluster);
    expect(text).toContain("2 nodes, 1 coordinator, Redis 7.0.15");
    expect(text).toContain("npx yonexus follow --url ws://127.0.0.1:8787 --identifier alpha");
    expect(text).not.toContain("--data-dir");
  });

  it("go on with the follower that was let in at the start, and do not tell to let it in again", () => {
    const text = readyText({ ...cluster, follower: "omega" });
    expect(text).not.toContain("allow add");
    expect(text).toContain("--identifier omega");
    expect(text).toContain("send omega");
    expect(text).not.toContain("alpha");
  });

  it("never show the password of Redis", () => {
    expect(readyText(cluster)).not.toContain("hidden");
  });

  it("name another data folder in every command that needs it, as a shell takes it", () => {
    expect(readyText({ ...cluster, dataDir: "my data" })).toContain("allow add alpha --data-dir 'my data'");
  });

  it("say loudly that nothing is kept in memory", () => {
    expect(readyText({ ...cluster, memoryOnly: "there is no redis-server" })).toMatch(/NOTHING IS KEPT: there is no/u);
  });
});

describe("a process that was started again", () => {
  it("is told, and of a node where followers connect to it", () => {
    const ready = { event: "ready", nodeId: "node-1-x", url: "ws://127.0.0.1:9001" };
    expect(restartedText("node-1", ready)).toBe("node-1 runs again: followers connect to ws://127.0.0.1:9001.");
    expect(restartedText("coordinator", { event: "ready" })).toBe("coordinator runs again.");
  });
});

describe("a pairing code on the terminal", () => {
  const event = {
    event: "pairing_code",
    identifier: "alpha",
    code: "ABCD-1234",
    fingerprint: "f1:02",
    expiresAt: 1_000,
  };

  it("stands with identifier, fingerprint and the time that is left", () => {
    const text = pairingCodeText(event, 1_000_000 - 299_000);
    expect(text).toContain("alpha wants to pair.");
    expect(text).toContain("ABCD-1234, good for 5 min");
    expect(text).toContain("f1:02");
  });

  it("has the id that an operator's commands take, when the coordinator tells it", () => {
    expect(pairingCodeText({ ...event, id: "7k3m9qxv" }, 0)).toContain("7k3m9qxv, for `yonexus approve`");
    expect(pairingCodeText(event, 0)).not.toContain("undefined");
  });

  it("cannot carry control characters", () => {
    expect(pairingCodeText({ ...event, fingerprint: "\u001b[2J" }, 0)).not.toContain("\u001b");
  });
});
