import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createFollower, createMemoryState, type Follower } from "@yonexus/protocol/client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listPairings } from "../../plugin/commands/listPairings.ts";
import { openCliAccess } from "../../plugin/core/cliAccess.ts";
import { operatorSteps, SURFACES } from "../../plugin/core/nextSteps.ts";
import { startDiscordRecorder } from "../support/discordRecorder.ts";
import { freePorts } from "../support/freePorts.ts";
import { waitFor } from "../support/waitFor.ts";
import { PluginHost } from "./gatewayFixture.ts";

let host: PluginHost;
let port: number;
const followers: Follower[] = [];

beforeEach(async () => {
  host = new PluginHost();
  [port = 0] = await freePorts(1);
});
afterEach(async () => {
  await Promise.all(followers.splice(0).map((follower) => follower.close()));
  await host.stop();
  host.remove();
});

function connect(identifier: string, state = createMemoryState()) {
  const follower = createFollower({ url: `ws://127.0.0.1:${port}`, identifier, state });
  followers.push(follower);
  const fingerprint = new Promise<string>((resolve) => follower.on("pairing", (needed) => resolve(needed.fingerprint)));
  const connected = follower.connect();
  // One that is never let in is closed at the end of its test.
  connected.catch(() => {});
  return { follower, fingerprint, connected };
}

/** What a terminal of this machine shows, by the command of the profile. */
async function terminal(config: object, surface: "cli" | "chat" = "cli") {
  const access = await openCliAccess({
    pluginConfig: config,
    hostConfig: {},
    runtime: { state: { resolveStateDir: () => host.stateDir } },
    resolveSecret: async () => undefined,
  });
  try {
    return (await listPairings.run({ ...access, surface, steps: operatorSteps(SURFACES[surface]) }, undefined)).text;
  } finally {
    await access.close();
  }
}

describe("a gateway that is a cluster of its own", () => {
  it("starts a private Redis, a node and a coordinator, pairs a follower by the code that its terminal shows, and keeps it over a restart", async () => {
    const config = { listenPort: port, followerIdentifiers: ["alpha"] };
    await host.start(config);
    await host.connected();
    expect(host.status?.listensAt).toBe(`ws://127.0.0.1:${port}`);
    const state = createMemoryState();
    const { follower, fingerprint, connected } = connect("alpha", state);
    const shown = await waitFor("the code to be shown", async () => {
      const text = await terminal(config);
      return /^id .* code$/mu.test(text) && text.includes(await fingerprint) ? text : undefined;
    });
    const code = /\s(\S+)$/mu.exec(shown.split("\n")[1] ?? "")?.[1] ?? "";
    expect(await terminal(config, "chat")).not.toContain(code);
    expect(host.log.join("\n")).not.toContain(code);
    expect(statSync(join(host.stateDir, "yonexus-server", "pairing-codes.json")).mode & 0o777).toBe(0o600);
    await follower.pair(code);
    await connected;
    const kept = () => readdirSync(join(host.stateDir, "yonexus-server"));
    await waitFor("the used code to be gone", () => !kept().includes("pairing-codes.json"));
    await follower.close();

    await host.reload(config);
    await host.connected();
    const again = connect("alpha", state);
    await again.connected;
  });

  it("lets nobody but its user read what it keeps", async () => {
    await host.start({ listenPort: port });
    await host.connected();
    const folder = join(host.stateDir, "yonexus-server");
    expect(statSync(folder).mode & 0o077).toBe(0);
    for (const name of ["master.key", "cluster.json"]) expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
    expect(readFileSync(join(folder, "master.key"), "utf8").trim()).toHaveLength(44);
  });

  it("ends all that it started: no Redis, no socket and no lock are left", async () => {
    await host.start({ listenPort: port });
    await host.connected();
    await host.stop();
    const left = readdirSync(join(host.stateDir, "yonexus-server")).sort();
    expect(left).not.toContain("cluster.json");
    expect(left).not.toContain("up.lock");
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
    const notRunning = "The gateway of this profile runs no cluster now";
    await expect(terminal({ listenPort: port })).rejects.toThrow(notRunning);
    // A gateway that was killed leaves word of a Redis that is gone.
    const gone = { redis: "redis+unix:///gone/redis.sock", keyPrefix: "yonexus", nodes: [], pid: process.pid };
    writeFileSync(join(host.stateDir, "yonexus-server", "cluster.json"), JSON.stringify(gone));
    await expect(terminal({ listenPort: port })).rejects.toThrow(notRunning);
  });

  it("whose port is taken says so with the setting to change, and starts by itself when the port is free", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
    await host.start({ listenPort: port });
    const problem = `Port ${port} is taken: stop what listens there, or set listenPort in`;
    await waitFor("it to be told", async () => host.failure?.startsWith(problem));
    await new Promise((resolve) => other.close(resolve));
    await waitFor("the next try", async () => host.status?.phase === "connected", 25_000);
    expect(host.failure).toBeUndefined();
    expect(host.status?.listensAt).toBe(`ws://127.0.0.1:${port}`);
  });

  it("with a Discord bot tells the code to the admin alone", async () => {
    const discord = await startDiscordRecorder();
    try {
      await host.start({
        ...{ listenPort: port, followerIdentifiers: ["alpha"], notifyBotToken: "token-of-tests", adminUserId: "10001" },
        discordApiUrl: discord.url,
      });
      await host.connected();
      const { fingerprint } = connect("alpha");
      const message = await waitFor("the notice", async () => discord.messages()[0]);
      expect(JSON.stringify(message)).toContain(await fingerprint);
      expect(readdirSync(join(host.stateDir, "yonexus-server"))).not.toContain("pairing-codes.json");
    } finally {
      await discord.stop();
    }
  });
});
