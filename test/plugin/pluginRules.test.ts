import type { SendResult } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AgentWaker } from "../../plugin/core/agentRules.ts";
import { PluginError } from "../../plugin/core/errors.ts";
import { type Yonexus, type YonexusHub, type YonexusSetup, yonexusHub } from "../../plugin/core/pluginInterface.ts";
import type { PluginRuntime } from "../../plugin/core/runtime.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";
import { PluginHost, secondGateway } from "./gatewayFixture.ts";

let server: RedisServer;
let cluster: TestCluster;
let node: TestNode;
let host: PluginHost;
let config: { redisUrl: string; keyPrefix: string };
const seconds: PluginRuntime[] = [];

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(server.url);
  node = await cluster.startNode();
  config = { redisUrl: server.url, keyPrefix: cluster.env.YONEXUS_KEY_PREFIX ?? "" };
  host = new PluginHost();
});
afterEach(async () => {
  await Promise.all(seconds.splice(0).map((runtime) => runtime.stop()));
  await host.stop();
  host.remove();
  await cluster.stop();
});

async function follower(identifier: string) {
  return cluster.logIn(node, await cluster.pairedFollower(identifier), { capabilities: ["ack"] });
}

function use(owner: string, setup: YonexusSetup): void {
  const hub = yonexusHub();
  hub.setups.set(owner, setup);
  hub.changed?.(owner);
}

/** A second gateway, as another process would be. */
function startSecond(owner: string, setup: YonexusSetup): PluginRuntime {
  const hub: YonexusHub = { setups: new Map([[owner, setup]]) };
  const runtime = secondGateway(config, hub);
  seconds.push(runtime);
  runtime.start();
  return runtime;
}

const held = (runtime: PluginRuntime, rule: string) =>
  waitFor(`${rule} to be held`, async () =>
    runtime.desk.statuses().some((each) => each.rule === rule && each.state === "held"),
  );

describe("another plugin of the gateway", () => {
  it("answers what a follower sends under its rule, whether it came before the plugin or after it", async () => {
    use("before", (yonexus) => void yonexus.registerRule("early", ({ content }) => `a ${content}`));
    await host.start(config);
    await host.connected();
    use("after", (yonexus) => void yonexus.registerRule("late", ({ content }) => `b ${content}`));
    await Promise.all([held(host.running, "early"), held(host.running, "late")]);
    const alpha = await follower("alpha");
    alpha.message("m1", "early", "one");
    alpha.message("m2", "late", "two");
    await waitFor("both answers", async () => alpha.queued.length === 2);
    expect(alpha.queued.map(({ rule, content }) => `${rule} ${content}`).sort()).toEqual(["early a one", "late b two"]);
  });

  it("is set up again at every reload, and what it had before is gone: no rule is held twice, no listener hears twice", async () => {
    const setups: Yonexus[] = [];
    const heard: string[] = [];
    use("ping", (yonexus) => {
      setups.push(yonexus);
      yonexus.registerRule("ping", ({ content }) => `pong ${content}`);
      yonexus.onClientAuthenticated(({ identifier }) => heard.push(identifier));
    });
    await host.start(config);
    await host.connected();
    for (let reload = 0; reload < 3; reload++) {
      await host.reload(config);
      await host.connected();
    }
    await held(host.running, "ping");
    expect(setups.map(({ signal }) => signal.aborted)).toEqual([true, true, true, false]);
    expect(() => setups[0]?.registerRule("other", () => {})).toThrow("The registrations of ping have ended");
    const [record] = await cluster.stores.rules.list();
    expect(record).toMatchObject({ rule: "ping", group: "ping", replicas: { length: 1 } });
    const alpha = await follower("alpha");
    alpha.message("m1", "ping", "x");
    await waitFor("the answer", async () => alpha.queued.length > 0);
    expect(alpha.queued.map(({ content }) => content)).toEqual(["pong x"]);
    expect(heard).toEqual(["alpha"]);
  });

  it("that is reloaded itself replaces its registrations and nobody else's", async () => {
    await host.start(config);
    await host.connected();
    use("one", (yonexus) => void yonexus.registerRule("first", () => "old"));
    use("two", (yonexus) => void yonexus.registerRule("second", () => "kept"));
    await Promise.all([held(host.running, "first"), held(host.running, "second")]);
    use("one", (yonexus) => void yonexus.registerRule("third", () => "new"));
    await held(host.running, "third");
    const rules = host.running.desk.statuses().map(({ rule, owner }) => `${owner} ${rule}`);
    expect(rules.sort()).toEqual(["one third", "two second"]);
    yonexusHub().setups.delete("one");
    yonexusHub().changed?.("one");
    await waitFor("its rules to be given up", async () => host.running.desk.statuses().length === 1);
  });

  it("whose setup throws is told by its name, and harms no other", async () => {
    use("broken", () => {
      throw new Error("no such thing");
    });
    use("sound", (yonexus) => void yonexus.registerRule("sound", () => "yes"));
    await host.start(config);
    await held(host.running, "sound");
    expect([...host.running.setupFailures]).toEqual([["broken", "no such thing"]]);
    expect(host.log).toContain("error The setup of broken failed: no such thing");
  });

  it("whose setup never ends keeps nobody else from their rules, and neither a reload nor the end of the plugin", async () => {
    const signals: AbortSignal[] = [];
    use("stuck", async (yonexus) => {
      signals.push(yonexus.signal);
      await new Promise(() => {});
    });
    use("sound", (yonexus) => void yonexus.registerRule("sound", () => "yes"));
    await host.start(config);
    await held(host.running, "sound");
    await host.reload(config);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    await held(host.running, "sound");
    await host.stop();
  });

  it("whose listener rejects is told by its name, and harms nobody: the others hear all the same", async () => {
    const heard: string[] = [];
    use("broken", (yonexus) => {
      yonexus.onStatusChange(async () => {
        throw new Error("no such thing");
      });
      yonexus.onStatusChange(({ identifier }) => heard.push(identifier));
    });
    await host.start(config);
    await host.connected();
    await follower("alpha");
    await waitFor("the other listener", async () => heard.length > 0);
    await waitFor("it to be told", async () => host.log.includes("error A listener of broken failed: no such thing"));
  });

  it("sends, hears of status changes, and reads how far a message got", async () => {
    const changes: string[] = [];
    let given: Yonexus | undefined;
    use("user", (yonexus) => {
      given = yonexus;
      yonexus.onStatusChange(({ identifier, status, reason }) => changes.push(`${identifier} ${status} ${reason}`));
    });
    await host.start(config);
    await host.connected();
    const alpha = await follower("alpha");
    await waitFor("the change", async () => changes.length === 1);
    const live = (await given?.sendMessageToClient("alpha", "chat::hi")) as SendResult;
    const queued = (await given?.sendMessageToClient("alpha", "chat::kept", {
      delivery: "queued",
      messageId: "k1",
    })) as SendResult;
    expect([live.result, queued.result]).toEqual(["delivered", "queued"]);
    await waitFor("it to arrive", async () => alpha.queued.length === 1);
    alpha.ack("k1");
    await waitFor("it to be acked", async () => (await given?.getMessage("k1"))?.state === "acked");
    await alpha.close();
    await waitFor("its end", async () => changes.length === 2);
    expect(changes).toEqual(["alpha online authenticated", expect.stringMatching(/^alpha offline /)]);
  });
});

describe("a rule", () => {
  it("registered by the same plugin in two gateways is shared: each message goes to one of them, none is lost when one ends", async () => {
    const seen: string[] = [];
    const setup =
      (name: string): YonexusSetup =>
      (yonexus) =>
        void yonexus.registerRule("work", ({ content }) => {
          seen.push(`${name} ${content}`);
        });
    use("worker", setup("first"));
    await host.start(config);
    const second = startSecond("worker", setup("second"));
    await Promise.all([held(host.running, "work"), held(second, "work")]);
    const followers = await Promise.all(["a", "b", "c", "d"].map((each) => follower(each)));
    for (const [index, each] of followers.entries())
      for (let n = 0; n < 10; n++) each.message(`m${n}`, "work", `${index}-${n}`);
    await waitFor("half of them", async () => seen.length >= 20);
    await second.stop();
    for (const [index, each] of followers.entries())
      for (let n = 10; n < 20; n++) each.message(`m${n}`, "work", `${index}-${n}`);
    await waitFor("all of them", async () => new Set(seen.map((each) => each.split(" ")[1])).size === 80);
    expect(seen).toHaveLength(80);
  });

  it("that another plugin holds is refused in this gateway at once, and in another one by its state", async () => {
    let given: Yonexus | undefined;
    use("owner", (yonexus) => void yonexus.registerRule("mine", () => "x"));
    await host.start(config);
    await held(host.running, "mine");
    use("thief", (yonexus) => {
      given = yonexus;
    });
    await waitFor("its setup", async () => given !== undefined);
    expect(() => given?.registerRule("mine", () => "y")).toThrow("The rule mine is handled by owner in this gateway");
    const second = startSecond("thief", (yonexus) => void yonexus.registerRule("mine", () => "z"));
    await waitFor("it to be refused", async () => second.desk.statuses()[0]?.state === "refused");
    expect(second.desk.statuses()[0]?.reason).toContain("is held by the group owner");
  });

  it.each(["builtin", "", "a::b", "x:", "new\nline"])("called %j is nobody's", async (rule) => {
    let given: Yonexus | undefined;
    use("user", (yonexus) => {
      given = yonexus;
    });
    await host.start(config);
    await waitFor("its setup", async () => given !== undefined);
    expect(() => given?.registerRule(rule, () => "x")).toThrow(expect.objectContaining({ code: "RULE_INVALID" }));
  });

  it.each([{ concurrency: 0 }, { concurrency: 257 }, { maxTries: 1.5 }, { handlerTimeoutMs: -1 }])(
    "that is to be handled as %j is refused with what it must be",
    async (options) => {
      let given: Yonexus | undefined;
      use("user", (yonexus) => {
        given = yonexus;
      });
      await host.start(config);
      await waitFor("its setup", async () => given !== undefined);
      expect(() => given?.registerRule("mine", () => "x", options)).toThrow(
        /cannot be handled so: .+ must be a whole number/,
      );
    },
  );

  it("is one of 64 at most in a gateway: each has a connection of its own", async () => {
    let given: Yonexus | undefined;
    use("user", (yonexus) => {
      given = yonexus;
    });
    await host.start(config);
    await waitFor("its setup", async () => given !== undefined);
    const rules = Array.from({ length: 64 }, (_, index) => given?.registerRule(`rule${index}`, () => "x"));
    expect(() => given?.registerRule("one-more", () => "x")).toThrow("This gateway handles 64 rules already");
    await rules[0]?.stop();
    given?.registerRule("one-more", () => "x");
  });

  it("tells whoever waits for it that it is held, or that it was given up", async () => {
    let given: Yonexus | undefined;
    use("user", (yonexus) => {
      given = yonexus;
    });
    await host.start(config);
    await waitFor("its setup", async () => given !== undefined);
    const registration = given?.registerRule("mine", () => "x");
    await registration?.whenHeld();
    expect(registration?.status()).toEqual({ rule: "mine", owner: "user", state: "held" });
    await registration?.stop();
    await expect(registration?.whenHeld()).rejects.toBeInstanceOf(PluginError);
    // Given up, it may be taken anew.
    await given?.registerRule("mine", () => "y").whenHeld();
  });
});

describe("a rule of the configuration", () => {
  it("wakes its agent with what a follower sent, once, and counts as handled when the agent's turn took it", async () => {
    const waiting: { key: string; text: string }[] = [];
    const woken: string[] = [];
    const waker: AgentWaker = {
      enqueue: (text, _rule, key) => waiting.push({ key, text }) > 0,
      waiting: () => waiting.map(({ key }) => key),
      wake: ({ agentId }) => void woken.push(agentId),
    };
    host.remove();
    host = new PluginHost({ waker });
    await host.start({ ...config, rules: { ask: "main" } });
    await held(host.running, "ask");
    const alpha = await follower("alpha");
    alpha.message("m1", "ask", "what is the time?");
    await waitFor("the agent to be woken", async () => woken.length > 0);
    expect(waiting.map(({ text }) => text)).toEqual([expect.stringContaining("The follower alpha sent this")]);
    // Not handled yet: a reload gives it back and takes it again, and the agent is told no second time.
    await host.reload({ ...config, rules: { ask: "main" } });
    await held(host.running, "ask");
    expect((await cluster.stores.rules.list())[0]).toMatchObject({ backlog: 1, deadLetters: 0 });
    await waitFor("it to be woken again", async () => woken.length > 1);
    expect(waiting).toHaveLength(1);
    waiting.length = 0;
    await waitFor("the message to be handled", async () => (await cluster.stores.rules.list())[0]?.backlog === 0);
  });
});
