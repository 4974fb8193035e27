import {
  type Cluster,
  type ClusterOptions,
  type InboundMessage,
  openCluster,
  replyWith,
} from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import { waitFor } from "../support/waitFor.ts";

let server: RedisServer;
let cluster: TestCluster;
let programs: Cluster[];
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(server.url);
  programs = [];
});
afterEach(async () => {
  await Promise.all(programs.map((program) => program.close()));
  await cluster.stop();
});

async function program(options: Partial<ClusterOptions> = {}): Promise<Cluster> {
  const keyPrefix = cluster.stores.keys.prefix;
  const opened = await openCluster({ redisUrl: server.url, keyPrefix, ...options });
  programs.push(opened);
  return opened;
}

const inboxIsEmpty = async (rule: string) =>
  (await cluster.stores.redis.xlen(cluster.stores.keys.rule(rule).inbox)) === 0;

describe("what a handler returns", () => {
  it("goes back to the follower that sent the message, under the same rule", async () => {
    const node = await cluster.startNode();
    const alpha = await cluster.logIn(node, await cluster.pairedFollower("alpha"));
    await (await program()).registerRule("ping", ({ identifier, content }) => `hello ${identifier}: ${content}`);
    alpha.send("ping::one");
    expect(await alpha.nextApplication()).toBe("ping::hello alpha: one");
    alpha.send("ping::two::parts");
    expect(await alpha.nextApplication()).toBe("ping::hello alpha: two::parts");
  });

  it("reaches a follower that left meanwhile when it comes back, on whichever node", async () => {
    const [here, there] = [await cluster.startNode(), await cluster.startNode()];
    const identity = await cluster.pairedFollower("alpha");
    const alpha = await cluster.logIn(here, identity);
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    await (await program()).registerRule("ask", async () => {
      begun.resolve();
      await gate.promise;
      return "the answer";
    });
    alpha.send("ask::something that takes long");
    await begun.promise;
    await alpha.close();
    await cluster.waitForStatus("alpha", "offline");
    gate.resolve();
    await waitFor("the message to be handled", () => inboxIsEmpty("ask"));
    const again = await cluster.logIn(there, identity);
    expect(await again.nextApplication()).toBe("ask::the answer");
  });

  it("is nothing when it is not text: no answer is sent", async () => {
    const node = await cluster.startNode();
    const alpha = await cluster.logIn(node, await cluster.pairedFollower("alpha"));
    let heard = 0;
    await (await program()).registerRule("quiet", () => void heard++);
    await (await program()).registerRule("loud", () => "heard");
    alpha.send("quiet::shh");
    await waitFor("the message to be handled", async () => heard === 1 && (await inboxIsEmpty("quiet")));
    alpha.send("loud::hey");
    expect(await alpha.nextApplication()).toBe("loud::heard");
  });

  it("is queued once, though the handler is run twice for the message", async () => {
    const node = await cluster.startNode();
    const identity = await cluster.pairedFollower("alpha");
    const alpha = await cluster.logIn(node, identity);
    const sender = await cluster.sender();
    let runs = 0;
    await cluster.holdRule({
      rule: "twice",
      retry: { firstMs: 1, mostMs: 1 },
      handler: () => `run ${++runs}`,
      answer: async (message, value) => {
        const messageId = `fixed-${message.id.replace("-", "_")}`;
        await sender.sendMessageToClient(message.identifier, `twice::${value.slice(0, 3)}`, {
          delivery: "queued",
          messageId,
        });
        if (runs === 1) throw new Error("the process died before the ack, so to say");
      },
    });
    alpha.send("twice::x");
    await waitFor("the handler to be run again", async () => runs === 2 && (await inboxIsEmpty("twice")));
    expect(await alpha.nextApplication()).toBe("twice::run");
    await sender.sendMessageToClient("alpha", "end::");
    expect(await alpha.nextApplication()).toBe("end::");
  });

  it("that its follower cannot be sent is told to the program, and the message counts as handled", async () => {
    const node = await cluster.startNode();
    const alpha = await cluster.logIn(node, await cluster.pairedFollower("alpha"));
    const undelivered: string[] = [];
    const gate = Promise.withResolvers<void>();
    await (await program()).registerRule("live", () => gate.promise.then(() => "too late"), {
      reply: { delivery: "live" },
      onUndelivered: ({ identifier }, { result }) => undelivered.push(`${identifier} ${result}`),
    });
    alpha.send("live::x");
    await waitFor("the message to be there", async () => !(await inboxIsEmpty("live")));
    await alpha.close();
    await cluster.waitForStatus("alpha", "offline");
    gate.resolve();
    await waitFor("the program to be told", () => undelivered.length > 0);
    expect(undelivered).toEqual(["alpha offline"]);
    await waitFor("the message to be handled", () => inboxIsEmpty("live"));
  });
});

describe("an answer for which there is no room", () => {
  it("fails the try: the message ends as a dead letter that says so, and is not silently handled", async () => {
    const node = await cluster.startNode();
    const identity = await cluster.pairedFollower("alpha");
    const hub = await program({ queue: { maxMessages: 1 } });
    const alpha = await cluster.logIn(node, identity);
    const gate = Promise.withResolvers<void>();
    await hub.registerRule("ask", () => gate.promise.then(() => "the answer"), { maxTries: 1 });
    alpha.send("ask::x");
    await waitFor("the message to be there", async () => !(await inboxIsEmpty("ask")));
    await alpha.close();
    await cluster.waitForStatus("alpha", "offline");
    await hub.sendMessageToClient("alpha", "full::", { delivery: "queued" });
    gate.resolve();
    const letters = await waitFor("the dead letter", async () => {
      const found = await cluster.stores.deadLetters.list({ kind: "rule", rule: "ask" }, 10);
      return found.length > 0 ? found : undefined;
    });
    expect(letters).toMatchObject([{ identifier: "alpha", content: "x", reason: expect.stringContaining("overflow") }]);
  });

  it("because an earlier run of the handler was answered with other words is on its way all the same", async () => {
    const node = await cluster.startNode();
    const alpha = await cluster.logIn(node, await cluster.pairedFollower("alpha"));
    const undelivered: string[] = [];
    const sender = await cluster.sender();
    const answer = replyWith(sender, { delivery: "queued" }, (_message, { result }) => undelivered.push(result));
    const message: InboundMessage = {
      id: "1-1",
      rule: "ask",
      identifier: "alpha",
      content: "x",
      attempt: 1,
      frame: "ask::alpha::x",
    };
    await answer(message, "one");
    await answer(message, "two");
    expect(await alpha.nextApplication()).toBe("ask::one");
    await sender.sendMessageToClient("alpha", "end::");
    expect(await alpha.nextApplication()).toBe("end::");
    expect(undelivered).toEqual([]);
  });
});

describe("a relay", () => {
  it("passes a follower's message on to another one, which reads whose it is", async () => {
    const [here, there] = [await cluster.startNode(), await cluster.startNode()];
    const alpha = await cluster.logIn(here, await cluster.pairedFollower("alpha"));
    const beta = await cluster.logIn(there, await cluster.pairedFollower("beta"));
    const hub = await program();
    await hub.registerRule("chat", hub.relayTo("beta"));
    for (let count = 0; count < 20; count++) alpha.send(`chat::line ${count}`);
    for (let count = 0; count < 20; count++) expect(await beta.nextApplication()).toBe(`chat::alpha::line ${count}`);
  });

  it("to a follower that is chosen by the message may be for nobody", async () => {
    const node = await cluster.startNode();
    const alpha = await cluster.logIn(node, await cluster.pairedFollower("alpha"));
    const beta = await cluster.logIn(node, await cluster.pairedFollower("beta"));
    const hub = await program();
    await hub.registerRule(
      "to",
      hub.relayTo(({ content }) => (content.startsWith("beta ") ? "beta" : undefined)),
    );
    alpha.send("to::nobody at all");
    alpha.send("to::beta hello");
    expect(await beta.nextApplication()).toBe("to::alpha::beta hello");
    await waitFor("both to be handled", () => inboxIsEmpty("to"));
  });

  it("to a follower that nobody knows ends as a dead letter that says why", async () => {
    const node = await cluster.startNode();
    const alpha = await cluster.logIn(node, await cluster.pairedFollower("alpha"));
    const hub = await program();
    await hub.registerRule("lost", hub.relayTo("nobody"), { maxTries: 1 });
    alpha.send("lost::letter");
    const letters = await waitFor("the dead letter", async () => {
      const found = await cluster.stores.deadLetters.list({ kind: "rule", rule: "lost" }, 10);
      return found.length > 0 ? found : undefined;
    });
    expect(letters).toMatchObject([{ identifier: "alpha", content: "letter", tries: 1 }]);
    expect(letters[0]?.reason).toContain("unknown_identifier");
  });
});

describe("a program of the cluster", () => {
  it("is refused when Redis does not answer, within its time", async () => {
    await expect(program({ redisUrl: "redis://127.0.0.1:1", timeoutMs: 300 })).rejects.toThrow();
  });

  it("leaves nothing open when it is closed: its rule is free at once", async () => {
    const hub = await program();
    await hub.registerRule("mine", () => undefined, { group: "one" });
    await hub.close();
    await (await program()).registerRule("mine", () => undefined, { group: "two" });
    const clients = String(await cluster.stores.redis.client("LIST"));
    expect(clients).not.toContain("cmd=xread ");
  });
});
