import { createFollower, createMemoryState, type Follower, type FollowerOptions } from "@yonexus/protocol/client";
import { type Cluster, Keys, openCluster } from "@yonexus/protocol/redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pairedState } from "../support/pairedState.ts";
import { openStores, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";
import { BALANCER_ADDRESS, ComposeCluster } from "./composeCluster.ts";
import { CountedLoad } from "./countedLoad.ts";

const FORGED = "203.0.113.66";
const LOAD_FOLLOWERS = 12;

describe("the cluster of docker-compose.yml", () => {
  let place: ComposeCluster;
  let redisUrl: string;
  let stores: Stores;
  let cluster: Cluster;
  const followers: Follower[] = [];

  const connect = async (options: FollowerOptions): Promise<Follower> => {
    const follower = createFollower({ reconnect: { minMs: 100, maxMs: 1_000 }, ...options });
    followers.push(follower);
    await follower.connect();
    return follower;
  };
  const connectPaired = async (identifier: string): Promise<Follower> =>
    connect({ url: place.followersUrl, identifier, state: createMemoryState(await pairedState(stores, identifier)) });
  const nodeOf = async (identifier: string): Promise<string> => (await stores.directory.find(identifier))?.node ?? "";
  /** From where a pairing was asked for, as the audit has it. */
  const askedFrom = async (identifier: string): Promise<string> =>
    waitFor(`a pairing of ${identifier}`, async () => {
      const entries = await stores.directory.audit(identifier, 20);
      return entries.find(({ event }) => event === "pairing_opened")?.details.address;
    });
  const readyNodes = async (): Promise<number> => {
    const rows = (await (await fetch(`${place.statisticsUrl}/;csv`)).text()).split("\n").map((line) => line.split(","));
    const status = rows[0]?.indexOf("status") ?? -1;
    return rows.filter(([proxy, server, ...rest]) => {
      return proxy === "nodes" && server?.startsWith("node") && rest[status - 2] === "UP";
    }).length;
  };

  beforeAll(async () => {
    place = await ComposeCluster.reserve();
    const began = performance.now();
    await place.up();
    tell(`\`docker compose up --wait\` from nothing took ${seconds(began)} s`);
    redisUrl = await place.redisUrl();
    stores = await openStores(redisUrl, { keys: new Keys("yonexus"), masterKeys: [await place.masterKey()] });
    cluster = await openCluster({ redisUrl });
  }, 400_000);

  afterAll(async () => {
    await Promise.all(followers.map((follower) => follower.close()));
    await cluster?.close();
    stores?.close();
    const began = performance.now();
    await place.remove();
    tell(`\`docker compose down\` took ${seconds(began)} s`);
  }, 180_000);

  it("is whole: three nodes that the balancer found, two coordinators, and a doctor that has nothing to say", async () => {
    expect((await place.containers("node")).map(({ health }) => health)).toEqual(["healthy", "healthy", "healthy"]);
    expect((await place.containers("coordinator")).map(({ health }) => health)).toEqual(["healthy", "healthy"]);
    await waitFor("the balancer to have three nodes", async () => (await readyNodes()) === 3);
    // A coordinator is healthy before its first sweep.
    await waitFor(
      "a doctor that has nothing to say",
      async () => (await place.inCoordinator("yonexus", "doctor")).includes("All is well."),
      60_000,
    );
  });

  it("gives no container a way to become more than it is, and none of ours a place to write", async () => {
    const format =
      "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.CapAdd}} {{.HostConfig.SecurityOpt}} {{.Config.User}}";
    for (const { id, service } of await place.containers()) {
      const [readOnly, dropped, added, options, user] = (await place.inspect(id, format)).split(" ");
      expect([service, readOnly, dropped, added, options]).toEqual([
        ...[service, "true", "[ALL]", "[]", "[no-new-privileges:true]"],
      ]);
      expect([service, user]).not.toEqual([service, expect.stringMatching(/^(?:|0|root)(?::.*)?$/u)]);
    }
  });

  it("lets its user of Redis do nothing outside of its keys, and nothing to the server", async () => {
    await expect(stores.redis.set("elsewhere", "1")).rejects.toThrow("NOPERM");
    await expect(stores.redis.flushall()).rejects.toThrow("NOPERM");
    await expect(stores.redis.config("SET", "appendonly", "no")).rejects.toThrow("NOPERM");
    await expect(stores.redis.publish("elsewhere", "1")).rejects.toThrow("NOPERM");
  });

  it("lets it do all that the metrics of the whole cluster need", async () => {
    const metrics = async () => (await fetch(`${place.adminUrl}/metrics`)).text();
    const whole = async () => /^yonexus_cluster_nodes\{state="live"\} 3$/mu.test(await metrics());
    // Of both coordinators: the balancer asks them in turn, and each looks for itself.
    await waitFor("the metrics of the whole cluster", async () => (await whole()) && (await whole()), 30_000);
  });

  it("pairs a follower through the balancer with the code that a coordinator prints", async () => {
    await place.inCoordinator("yonexus", "allow", "add", "newcomer");
    const follower = createFollower({ url: place.followersUrl, identifier: "newcomer", state: createMemoryState() });
    followers.push(follower);
    const connecting = follower.connect();
    // Told at the end, whatever comes in between.
    connecting.catch(() => {});
    const code = await waitFor(
      "the code in the coordinators' output",
      async () => NEWCOMERS_CODE.exec(await place.output("coordinator"))?.[1],
      60_000,
    );
    await follower.pair(code);
    await connecting;
    expect(await place.inCoordinator("yonexus", "clients")).toMatch(/newcomer.*online/u);
  });

  it("lets in who waits by the command, and by the console through the balancer", async () => {
    const ask = async (identifier: string) => {
      await place.inCoordinator("yonexus", "allow", "add", identifier);
      const follower = createFollower({ url: place.followersUrl, identifier, state: createMemoryState() });
      followers.push(follower);
      const asked = new Promise<string>((resolve) => follower.on("pairing", ({ fingerprint }) => resolve(fingerprint)));
      const connected = follower.connect();
      // Told at the end, whatever comes in between.
      connected.catch(() => {});
      const fingerprint = await asked;
      const pairing = await stores.pairings.find(identifier, fingerprint);
      return { identifier, fingerprint, pairingId: pairing?.pairingId ?? "", connected };
    };
    const first = await ask("by-command");
    expect(await place.inCoordinator("yonexus", "approve", first.pairingId)).toContain("by-command is let in");
    await first.connected;

    const { connected, ...second } = await ask("by-console");
    const { url } = JSON.parse(await place.inCoordinator("yonexus", "console", "--json")) as { url: string };
    const { origin, hash } = new URL(url);
    expect(origin).toBe(place.adminUrl);
    const post = async (path: string, body: object, headers: Record<string, string> = {}) =>
      fetch(`${origin}/console/api/${path}`, {
        method: "POST",
        headers: { origin, "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
    const signedIn = await post("sign-in", { link: hash.replace("#sign-in=", "") });
    const cookie = signedIn.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    const { csrf } = (await signedIn.json()) as { csrf: string };
    const decided = await post("decide", { decision: "approve", ...second }, { cookie, "x-yonexus-csrf": csrf });
    expect(await decided.json()).toMatchObject({ done: true, outcome: "approved" });
    await connected;
  });

  it("carries messages between followers on different nodes, both ways", async () => {
    const alpha = await connectPaired("alpha");
    let beta = await connectPaired("beta");
    // Which nodes have the fewest connections is the balancer's to know, its own checks among them.
    for (let tries = 0; tries < 10 && (await nodeOf("beta")) === (await nodeOf("alpha")); tries++) {
      await connectPaired(`filler-${tries}`);
      await beta.close();
      beta = await connectPaired("beta");
    }
    expect(await nodeOf("alpha")).not.toBe(await nodeOf("beta"));
    await cluster.registerRule("to-alpha", cluster.relayTo("alpha"));
    await cluster.registerRule("to-beta", cluster.relayTo("beta"));
    const heard: string[] = [];
    alpha.onMessage((rule, content) => heard.push(`alpha ${rule} ${content}`));
    beta.onMessage((rule, content) => heard.push(`beta ${rule} ${content}`));
    await alpha.send("to-beta", "good morning");
    await beta.send("to-alpha", "good evening");
    await waitFor("both messages", () => heard.length === 2);
    expect(heard.toSorted()).toEqual([
      expect.stringMatching(/^alpha .*good evening$/u),
      expect.stringMatching(/^beta .*good morning$/u),
    ]);
  });

  it("counts a follower by the address that the balancer saw, whatever the follower claims", async () => {
    await stores.trust.allow(["forger", "stranger"]);
    const webSocketOptions = { headers: { "X-Forwarded-For": FORGED } };
    const askFor = (identifier: string, url: string): void => {
      const follower = createFollower({ url, identifier, state: createMemoryState(), webSocketOptions });
      followers.push(follower);
      // It waits for its code for ever.
      follower.connect().catch(() => {});
    };

    askFor("forger", place.followersUrl);
    const seen = await askedFrom("forger");
    // The balancer's word was believed, so the address is not its own, and the client's was not.
    expect([FORGED, BALANCER_ADDRESS]).not.toContain(seen);

    // Past the balancer, the same header comes from somebody who is not trusted.
    const [node] = await place.containers("node");
    askFor("stranger", `ws://${await place.addressOf(node?.id ?? "", "front")}:8787`);
    expect(await askedFrom("stranger")).not.toBe(FORGED);
  });

  it("loses nothing while every node and coordinator is replaced under load", async () => {
    const replaced = ["node", "coordinator"] as const;
    const idsOf = async (service: string) => new Set((await place.containers(service)).map(({ id }) => id));
    const old = await Promise.all(replaced.map(idsOf));
    const load = await CountedLoad.start({ url: place.followersUrl, redisUrl, stores }, LOAD_FOLLOWERS);
    const began = performance.now();
    tell(await place.rollingRestart());
    const took = seconds(began);
    const { down, up, reconnects } = await load.finish();
    tell(
      `A rolling restart of all nodes and coordinators in ${took} s, under load: ${down.promised} messages to followers, ${down.lost.length} lost, ${down.repeated} twice; ${up.promised} from followers, ${up.lost.length} lost, ${up.repeated} twice; ${reconnects} reconnects.`,
    );
    expect({ down: down.lost, up: up.lost }).toEqual({ down: [], up: [] });
    // All of them are others, and every follower had to move.
    const now = await Promise.all(replaced.map(idsOf));
    expect(now.map(({ size }) => size)).toEqual([3, 2]);
    expect(now.map((ids, index) => [...ids].filter((id) => old[index]?.has(id)))).toEqual([[], []]);
    expect(reconnects).toBeGreaterThanOrEqual(LOAD_FOLLOWERS);
    expect(down.promised).toBeGreaterThan(LOAD_FOLLOWERS);
    expect(up.promised).toBeGreaterThan(LOAD_FOLLOWERS);
  }, 900_000);

  it("has five nodes when it is told to, and gives the new ones followers", async () => {
    const before = new Set((await stores.nodes.list()).map(({ nodeId }) => nodeId));
    const began = performance.now();
    await place.up("--no-recreate", "--scale", "node=5");
    await waitFor("the balancer to have five nodes", async () => (await readyNodes()) === 5, 30_000);
    tell(`Two more nodes took ${seconds(began)} s`);
    const fresh = new Set<string>();
    for (let late = 1; late <= 10 && fresh.size < 2; late++) {
      await connectPaired(`late-${late}`);
      const nodeId = await nodeOf(`late-${late}`);
      if (!before.has(nodeId)) fresh.add(nodeId);
    }
    expect(fresh.size).toBe(2);
  }, 400_000);
});

/** On a line of its own below the name, as the operator reads it. */
const NEWCOMERS_CODE = /Follower: +newcomer\n(?:.*\n)*? +([0-9A-Z]{4}-[0-9A-Z]{4})\n/u;

function seconds(began: number): string {
  return ((performance.now() - began) / 1_000).toFixed(1);
}

/** What a run measured, for whoever reads its output. */
function tell(text: string): void {
  process.stderr.write(`${text.trimEnd()}\n`);
}
