import { copyFileSync, readFileSync } from "node:fs";
import { get } from "node:https";
import { connect as connectTcp, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { connect, getCACertificates, setDefaultCACertificates, type TLSSocket } from "node:tls";
import { createFollower } from "@yonexus/protocol/client";
import { NodeStore } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Cli } from "../support/cliProcess.ts";
import { UpgradeRefused } from "../support/rawFollower.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import { type CertificateFiles, TestAuthority } from "../support/tlsCertificates.ts";
import { waitFor } from "../support/waitFor.ts";

/** Commands are processes, which take their time on a busy machine (ms). */
const TIMEOUT_MS = 180_000;

const defaultAuthorities = getCACertificates("default");
const cli = new Cli();
let authority: TestAuthority;
let first: CertificateFiles;
let second: CertificateFiles;
/** What the nodes read. */
let used: CertificateFiles;
let redis: RedisServer;
let cluster: TestCluster;
beforeAll(async () => {
  authority = new TestAuthority();
  setDefaultCACertificates([...defaultAuthorities, authority.certificate]);
  first = authority.signed("first", "IP:127.0.0.1");
  second = authority.signed("second", "IP:127.0.0.1");
  used = { cert: join(dirname(first.cert), "used.pem"), key: join(dirname(first.cert), "used.key") };
  redis = await startRedis({ persistent: false });
});
afterAll(async () => {
  setDefaultCACertificates(defaultAuthorities);
  authority.remove();
  cli.remove();
  await redis.stop();
});
beforeEach(async () => {
  put(first);
  cluster = await TestCluster.open(redis.url, { YONEXUS_TLS_CERT: used.cert, YONEXUS_TLS_KEY: used.key });
});
afterEach(() => cluster.stop());

function put({ cert, key }: CertificateFiles): void {
  copyFileSync(cert, used.cert);
  copyFileSync(key, used.key);
}

const portOf = ({ url }: { readonly url: string }) => Number(new URL(url).port);

/** The name in the certificate that a new handshake gets. */
async function presented(node: { readonly url: string }): Promise<string> {
  const socket = await handshake(node);
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

function handshake(node: { readonly url: string }, options: object = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port: portOf(node), ...options }, () => resolve(socket));
    socket.once("error", reject);
  });
}

function health(node: { readonly url: string }, path: string): Promise<{ status?: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    get(`${node.url.replace("wss:", "https:")}${path}`, { agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode, body }));
    }).once("error", reject);
  });
}

describe("a node with a certificate", { timeout: TIMEOUT_MS }, () => {
  it("is at a wss:// address, where a follower of the library pairs, and messages go both ways", async () => {
    const node = await cluster.startNode();
    expect(node.url).toMatch(/^wss:\/\/127\.0\.0\.1:\d+$/u);
    await cluster.stores.trust.allow(["alpha"]);
    const follower = createFollower({
      url: node.url,
      identifier: "alpha",
      stateFile: join(dirname(first.cert), "alpha.json"),
    });
    try {
      const heard: string[] = [];
      follower.onMessage((rule, content) => void heard.push(`${rule}::${content}`));
      const asked = new Promise<string>((resolve) => follower.on("pairing", ({ fingerprint }) => resolve(fingerprint)));
      const connected = follower.connect();
      const fingerprint = await asked;
      const code = await cluster.resolveNotice({ identifier: "alpha", fingerprint });
      await follower.pair(code);
      await connected;
      const sender = await cluster.sender();
      expect((await sender.sendMessageToClient("alpha", "chat::over TLS")).result).toBe("delivered");
      await waitFor("the message", () => heard.length > 0);
      expect(heard).toEqual(["chat::over TLS"]);
    } finally {
      await follower.close();
    }
  });

  it("answers its health over TLS, and nothing at all to who speaks plainly", async () => {
    const node = await cluster.startNode();
    expect(await health(node, "/healthz")).toEqual({ status: 200, body: '{"status":"alive"}\n' });
    expect(await health(node, "/readyz")).toMatchObject({ status: 200 });
    const plain = connectTcp(portOf(node), "127.0.0.1");
    let heard = "";
    plain.on("data", (chunk: Buffer) => {
      heard += chunk.toString("latin1");
    });
    plain.write("GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n");
    await new Promise((resolve) => plain.once("close", resolve));
    expect(heard).not.toContain("HTTP/1.1");
  });

  it("speaks TLS 1.2 and 1.3, and nothing older", async () => {
    const node = await cluster.startNode();
    for (const version of ["TLSv1.2", "TLSv1.3"]) {
      const socket = await handshake(node, { minVersion: version, maxVersion: version });
      expect(socket.getProtocol()).toBe(version);
      socket.destroy();
    }
    // The client would refuse it by itself at its usual level.
    const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
    await expect(handshake(node, old)).rejects.toThrow(/protocol version/u);
  });

  it("bounds sockets that never shake hands, and lets others in all the same", async () => {
    const node = await cluster.startNode({ YONEXUS_MAX_UNAUTHENTICATED_PER_ADDRESS: "3" });
    const silent: Socket[] = [];
    let closed = 0;
    for (let count = 0; count < 8; count++) {
      const socket = connectTcp(portOf(node), "127.0.0.1");
      socket
        .on("error", () => {})
        .on("close", () => {
          closed += 1;
        });
      silent.push(socket);
    }
    await waitFor("those over the limit to be cut off", () => closed >= 5);
    const alice = await cluster.logIn(node, await cluster.pairedFollower("alice"));
    for (const socket of silent) socket.destroy();
    // A WebSocket does not count among those that wait: as many as before may wait beside both.
    const bob = await cluster.logIn(node, await cluster.pairedFollower("bob"));
    const more = Array.from({ length: 3 }, () => connectTcp(portOf(node), "127.0.0.1").on("error", () => {}));
    await waitFor("their opening", () => more.every((socket) => socket.readyState === "open"));
    expect(await health(node, "/healthz")).toMatchObject({ status: 200 });
    expect([alice.isOpen, bob.isOpen]).toEqual([true, true]);
    for (const socket of more) socket.destroy();
  });

  it("stops at once though a socket has not shaken hands", async () => {
    const node = await cluster.startNode();
    const silent = connectTcp(portOf(node), "127.0.0.1").on("error", () => {});
    await waitFor("it to be open", () => silent.readyState === "open");
    const ended = new Promise((resolve) => silent.once("close", resolve));
    await Promise.all([node.stop(), ended]);
  });

  it("tells in the cluster until when its certificate is good, and doctor tells it on", async () => {
    const node = await cluster.startNode();
    const [told] = await new NodeStore(cluster.stores.redis, cluster.stores.keys).list();
    expect(told?.certificate?.until).toBeGreaterThan(Date.now());
    const { stdout } = await cli.run(["doctor", "--json"], { env: cluster.env });
    const { findings } = JSON.parse(stdout) as { findings: { check: string; status: string; found: string }[] };
    expect(findings.filter(({ check }) => check === "certificates")).toEqual([
      {
        check: "certificates",
        status: "ok",
        found: expect.stringMatching(/^that of 1 node: it ends in [12] days? \(/u),
      },
    ]);
    expect(told?.nodeId).toBe(node.nodeId);
  });

  it("that has expired starts, says so in its log, and doctor calls it broken", async () => {
    put(authority.signed("expired", "IP:127.0.0.1", -1));
    const node = await cluster.startNode();
    expect(node.log.join("")).toMatch(/"event":"certificate_ends".*should be renewed: it ended 1 day ago/u);
    const { stdout, exitCode } = await cli.run(["doctor", "--json"], { env: cluster.env });
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/"certificates","status":"broken","found":"node [^"]+: it ended 1 day ago/u);
  });
});

describe("another certificate in the place of the node's", () => {
  it("is given to new connections at SIGHUP, and those that are open stay", async () => {
    const node = await cluster.startNodeProcess();
    const alice = await cluster.pairedFollower("alice");
    const follower = await cluster.logIn(node, alice);
    expect(await presented(node)).toBe("first");
    put(second);
    node.signal("SIGHUP");
    await waitFor("the second certificate", async () => (await presented(node)) === "second");
    const sender = await cluster.sender();
    expect((await sender.sendMessageToClient("alice", "chat::still here")).result).toBe("delivered");
    expect(await follower.nextApplication()).toBe("chat::still here");
    expect(follower.isOpen).toBe(true);
    expect(node.log.join("")).toContain("certificate_replaced");
  });

  it("that cannot be used is refused at SIGHUP with one line, and the old one is given further", async () => {
    const node = await cluster.startNodeProcess();
    copyFileSync(second.cert, used.cert);
    node.signal("SIGHUP");
    await waitFor("the refusal", () => node.log.some((line) => line.includes("certificate_refused")));
    node.signal("SIGHUP");
    expect(await presented(node)).toBe("first");
    expect(node.log.filter((line) => line.includes("certificate_refused"))).toHaveLength(1);
    put(second);
    node.signal("SIGHUP");
    await waitFor("the second certificate", async () => (await presented(node)) === "second");
  });
});

describe("SIGHUP", () => {
  it("drains a node that has no certificate, as it always did", async () => {
    const node = await cluster.startNodeProcess({ YONEXUS_TLS_CERT: "", YONEXUS_TLS_KEY: "" });
    expect(node.url).toMatch(/^ws:/u);
    node.signal("SIGHUP");
    expect(await node.exited).toBe("code 0");
  });
});

describe("a certificate that cannot be used", { timeout: TIMEOUT_MS }, () => {
  it("ends `yonexus node` and `yonexus up` with one sentence, before anything was started", async () => {
    copyFileSync(second.key, used.key);
    const { REDIS_URL: _, ...env } = cluster.env;
    for (const [command, settings] of [
      ["node", cluster.env],
      ["up", env],
    ] as const) {
      const { exitCode, stderr } = await cli.run([command], { env: settings });
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(
        /^YONEXUS_TLS_CERT names \S+ and YONEXUS_TLS_KEY names \S+, and these do not belong together: .+\.\n$/u,
      );
      expect(stderr).not.toContain(readFileSync(used.key, "utf8").slice(40, 80));
    }
  });
});

describe("a page in a browser", () => {
  const origin = (value: string) => ({ headers: { origin: value } });

  it("is refused with 403, before it counts for anything, whatever the node is doing", async () => {
    const node = await cluster.startNode({ YONEXUS_HANDSHAKE_RATE: "1", YONEXUS_HANDSHAKE_BURST: "1" });
    for (let time = 0; time < 5; time++) {
      const refused = await cluster.connect(node, origin("https://evil.example")).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(UpgradeRefused);
      expect(refused).toMatchObject({ status: 403, retryAfter: undefined });
    }
    // Its handshakes were nobody's share.
    await cluster.logIn(node, await cluster.pairedFollower("alice"));
  });

  it("that YONEXUS_ALLOWED_ORIGINS names is let in, and no other", async () => {
    const node = await cluster.startNode({ YONEXUS_ALLOWED_ORIGINS: "https://example.org" });
    expect((await cluster.connect(node, origin("https://example.org"))).isOpen).toBe(true);
    await expect(cluster.connect(node, origin("https://example.org.evil.example"))).rejects.toMatchObject({
      status: 403,
    });
    await expect(cluster.connect(node, origin("null"))).rejects.toMatchObject({ status: 403 });
  });
});
