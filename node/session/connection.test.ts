import { closeReasonOf, type NodeMessage, parseNodeFrame } from "@yonexus/protocol/wire";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Connection } from "./connection.ts";
import type { ConnectionServices } from "./connectionPorts.ts";
import type { ConnectionEvent } from "./event.ts";
import type { Transport } from "./transport.ts";

const PUBLIC_KEY = "6bBmM3lxIjaETOYz23UH7bbYPc+KtjADd1WxYOYB5rE=";
const HELLO = { identifier: "alice", hasSecret: true, hasKeyPair: true, publicKey: PUBLIC_KEY, protocolVersion: "1" };
const PROOF = { identifier: "alice", nonce: "A".repeat(24), proofTimestamp: 1_790_000_000, signature: "x" };
const LIMITS = {
  handshakeTimeoutMs: 10_000,
  maxSendBufferBytes: 1_000,
  inboundRatePerSecond: 1_000,
  inboundBurst: 1_000,
};
const MESSAGE = { rule: "chat", content: "" };
const NO_QUEUE = { lastSeq: 0, waiting: 0, gaps: 0 };
const frame = (type: string, payload: object) => `builtin::${JSON.stringify({ type, payload })}`;

/** Keeps what a socket would have been told, in order. */
class FakeTransport implements Transport {
  bufferedAmount = 0;
  readonly did: string[] = [];
  readonly messages: NodeMessage[] = [];

  send(text: string): void {
    const parsed = parseNodeFrame(text);
    this.did.push(parsed.kind === "builtin" ? parsed.message.type : text);
    if (parsed.kind === "builtin") this.messages.push(parsed.message);
  }

  close(code: number): void {
    this.did.push(`close ${closeReasonOf(code)}`);
  }

  terminate(): void {
    this.did.push("terminate");
  }

  ping(): void {
    this.did.push("ping");
  }

  pause(): void {
    this.did.push("pause");
  }

  resume(): void {
    this.did.push("resume");
  }
}

type Performed = Parameters<ConnectionServices["perform"]>[0];

/** The node's side as a test plays it: each step waits for its answer. */
class ScriptedServices implements ConnectionServices {
  readonly did: string[] = [];
  readonly steps: { effect: Performed; answer: (event: ConnectionEvent) => void; fail: (error: Error) => void }[] = [];

  perform(effect: Performed): Promise<ConnectionEvent> {
    return new Promise((answer, fail) => this.steps.push({ effect, answer, fail }));
  }

  expectSession(identifier: string): () => void {
    this.did.push(`expect ${identifier}`);
    return () => this.did.push(`settle ${identifier}`);
  }

  sessionOpened(
    _connection: Connection,
    { identifier, epoch, trustVersion }: { identifier: string; epoch: number; trustVersion: string },
  ): void {
    this.did.push(`opened ${identifier} ${epoch} ${trustVersion}`);
  }

  sessionEnded(
    _connection: Connection,
    { identifier, epoch }: { identifier: string; epoch: number },
    reason: string,
  ): void {
    this.did.push(`ended ${identifier} ${epoch} ${reason}`);
  }

  ended(): void {
    this.did.push("gone");
  }

  readonly clock = { seconds: () => 1_800_000_000 };

  readonly queues = {
    nodeId: "node",
    clock: this.clock,
    queue: {
      read: async () => ({ messages: [], gaps: [], more: false }),
      settle: async () => "settled" as const,
      reject: async () => "settled" as const,
      forgetGaps: async () => {},
    },
    receipt: () => {},
    failed: () => {},
  };

  overRate(): void {
    this.did.push("over rate");
  }

  fault(error: unknown): void {
    this.did.push(`fault ${error instanceof Error ? error.message : ""}`);
  }
}

let transport: FakeTransport;
let services: ScriptedServices;
let connection: Connection;
beforeEach(() => {
  vi.useFakeTimers();
  transport = new FakeTransport();
  services = new ScriptedServices();
  connection = new Connection("c1", "192.0.2.1", transport, services, LIMITS);
});
afterEach(() => vi.useRealTimers());

/** Answers the step under way, and lets what follows happen. */
async function answer(event: ConnectionEvent): Promise<void> {
  services.steps.at(-1)?.answer(event);
  await vi.advanceTimersByTimeAsync(0);
}

const lookedUp: ConnectionEvent = {
  type: "lookedUp",
  lookup: { now: 0, allowed: true, trustVersion: "3", trust: { publicKey: PUBLIC_KEY, sealedSecret: "sealed" } },
};
const claimed: ConnectionEvent = {
  type: "proofJudged",
  verdict: { outcome: "claimed", epoch: 7, now: 0, queue: NO_QUEUE },
};

async function proving(): Promise<void> {
  connection.receive(frame("hello", HELLO));
  await answer(lookedUp);
  connection.receive(frame("auth_request", PROOF));
}

async function active(): Promise<void> {
  await proving();
  await answer(claimed);
}

describe("the frames of a connection", () => {
  it("are handled one after the other: the next waits until Redis answered the one before", async () => {
    await active();
    for (const content of ["one", "two", "three"]) connection.receive(`chat::${content}`);
    const contents = () =>
      services.steps.flatMap(({ effect }) => (effect.do === "dispatch" ? [effect.message.content] : []));
    expect(contents()).toEqual(["one"]);
    await answer({ type: "dispatched", outcome: "appended", message: MESSAGE });
    expect(contents()).toEqual(["one", "two"]);
    await answer({ type: "dispatched", outcome: "overloaded", message: MESSAGE });
    expect(contents()).toEqual(["one", "two", "three"]);
  });

  it("are held in the socket while too many wait, and let in again when they are worked off", async () => {
    await active();
    const reading = () => transport.did.filter((step) => step === "pause" || step === "resume");
    for (let count = 0; count <= 32; count++) connection.receive(`chat::${count}`);
    expect(reading()).toEqual(["pause"]);
    for (let count = 0; count <= 29; count++)
      await answer({ type: "dispatched", outcome: "appended", message: MESSAGE });
    expect(reading()).toEqual(["pause", "resume"]);
  });

  it("are handed on all the same when the follower closed after it sent them, before its session ends", async () => {
    await active();
    for (const content of ["one", "two", "three"]) connection.receive(`chat::${content}`);
    connection.socketClosed();
    for (let count = 0; count < 3; count++) {
      expect(services.did).not.toContain("ended alice 7 disconnected");
      await answer({ type: "dispatched", outcome: "appended", message: MESSAGE });
    }
    const contents = services.steps.flatMap(({ effect }) => (effect.do === "dispatch" ? [effect.message.content] : []));
    expect(contents).toEqual(["one", "two", "three"]);
    expect(services.did.slice(-2)).toEqual(["ended alice 7 disconnected", "gone"]);
  });

  it("are handed on all the same while a drain waits for the follower to go", async () => {
    await active();
    connection.receive("chat::before");
    connection.apply({ type: "closeOrdered", reason: "draining" });
    await answer({ type: "dispatched", outcome: "appended", message: MESSAGE });
    expect(transport.did.slice(-2)).toEqual(["disconnect_notice", "close draining"]);
    connection.receive("chat::under way");
    await answer({ type: "dispatched", outcome: "appended", message: MESSAGE });
    connection.socketClosed();
    const contents = services.steps.flatMap(({ effect }) => (effect.do === "dispatch" ? [effect.message.content] : []));
    expect(contents).toEqual(["before", "under way"]);
    expect(services.did.slice(-2)).toEqual(["ended alice 7 draining", "gone"]);
  });

  it("that wait when the session ends are each answered, after the one in progress, and a paused socket hears the close", async () => {
    await active();
    for (let count = 0; count < 33; count++) connection.receive(`chat::${count}`);
    const before = services.steps.length;
    connection.apply({ type: "closeOrdered", reason: "session_replaced" });
    expect(transport.did).not.toContain("disconnect_notice");
    await answer({ type: "dispatched", outcome: "unknown_rule", message: MESSAGE });
    expect(services.steps).toHaveLength(before);
    const codes = transport.messages.flatMap(({ type, payload }) =>
      type === "error" && "code" in payload ? [payload.code] : [],
    );
    expect(codes).toEqual(["UNKNOWN_RULE", ...Array<string>(32).fill("CLIENT_OFFLINE")]);
    expect(transport.did).toContain("resume");
    expect(transport.did.slice(-2)).toEqual(["disconnect_notice", "close session_replaced"]);
  });

  it("over the rate are answered RATE_LIMITED each, and go nowhere; the handshake's do not count", async () => {
    connection = new Connection("c1", "192.0.2.1", transport, services, {
      ...LIMITS,
      inboundRatePerSecond: 1,
      inboundBurst: 4,
    });
    await active();
    for (let count = 0; count < 6; count++) connection.receive("chat::hello");
    expect(transport.messages.filter(({ type }) => type === "error")).toMatchObject(
      Array(2).fill({ payload: { code: "RATE_LIMITED" } }),
    );
    for (let count = 0; count < 10; count++) connection.receive("chat::hello");
    await answer({ type: "dispatched", outcome: "appended", message: MESSAGE });
    expect(transport.did.slice(-2)).toEqual(["disconnect_notice", "close rate_limited"]);
    expect(services.steps.filter(({ effect }) => effect.do === "dispatch")).toHaveLength(1);
  });
});

describe("a claim", () => {
  it("is expected until the connection knows how it ended", async () => {
    await proving();
    expect(services.did).toEqual(["expect alice"]);
    await answer(claimed);
    expect(services.did).toEqual(["expect alice", "opened alice 7 3", "settle alice"]);
  });

  it("that comes true after the socket is gone is given up at once", async () => {
    await proving();
    connection.socketClosed();
    await answer(claimed);
    expect(services.did).toEqual(["expect alice", "gone", "ended alice 7 disconnected", "settle alice"]);
    expect(connection.session).toBeUndefined();
  });

  it("that comes true after the connection was closed is given up, and opens nothing", async () => {
    await proving();
    connection.apply({ type: "closeOrdered", reason: "draining" });
    await answer(claimed);
    expect(services.did).toEqual(["expect alice", "ended alice 7 draining", "settle alice"]);
    expect(transport.did).not.toContain("auth_success");
  });

  it("that fails by a fault of ours is settled all the same", async () => {
    await proving();
    services.steps.at(-1)?.fail(new Error("a fault"));
    await vi.advanceTimersByTimeAsync(0);
    expect(services.did).toEqual(["expect alice", "fault a fault", "settle alice"]);
    expect(transport.messages.map(({ type, payload }) => ("code" in payload ? payload.code : type))).toEqual([
      "hello_ack",
      "INTERNAL_ERROR",
      "disconnect_notice",
    ]);
    expect(transport.did.at(-1)).toBe("close overloaded");
  });
});

describe("the end of a connection", () => {
  it("comes when it does not authenticate in time: without a word before the hello, with a notice after it", () => {
    vi.advanceTimersByTime(9_999);
    expect(transport.did).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(transport.did).toEqual(["close handshake_timeout"]);

    transport = new FakeTransport();
    connection = new Connection("c2", "192.0.2.1", transport, services, LIMITS);
    connection.receive(frame("hello", HELLO));
    vi.advanceTimersByTime(10_000);
    expect(transport.did).toEqual(["disconnect_notice", "close handshake_timeout"]);
  });

  it("does not come by the handshake's time once it is authenticated", async () => {
    await active();
    vi.advanceTimersByTime(3_600_000);
    expect(transport.did).toEqual(["hello_ack", "auth_success"]);
  });

  it("is that of its pairing while it waits for a human, and the handshake's time begins anew after it", async () => {
    connection.receive(frame("hello", { ...HELLO, hasSecret: false }));
    await answer({ type: "lookedUp", lookup: { now: 0, allowed: true, trustVersion: "0" } });
    await answer({
      type: "pairingOpened",
      opened: { outcome: "opened", pairingId: "p", expiresAt: 300_000, notice: "pending", now: 0, approved: false },
    });
    await vi.advanceTimersByTimeAsync(299_000);
    expect(transport.did).toEqual(["hello_ack", "pair_request"]);
    connection.receive(frame("pair_confirm", { identifier: "alice", pairingCode: "7K3M-9QXV" }));
    await answer({
      type: "pairingConfirmed",
      confirmed: { outcome: "paired", pairedAt: 0, trustVersion: "1" },
      grant: { secret: "s", expected: { trustVersion: "1", trust: { publicKey: PUBLIC_KEY, sealedSecret: "sealed" } } },
    });
    await vi.advanceTimersByTimeAsync(9_999);
    expect(transport.did.at(-1)).toBe("pair_success");
    await vi.advanceTimersByTimeAsync(1);
    expect(transport.did.at(-1)).toBe("close handshake_timeout");
  });

  it("has nothing after it on the socket, also when there is no place to wait for a human", async () => {
    connection.receive(frame("hello", { ...HELLO, hasSecret: false }));
    await answer({ type: "lookedUp", lookup: { now: 0, allowed: true, trustVersion: "0" } });
    await answer({ type: "pairingPoolFull" });
    expect(transport.did).toEqual(["hello_ack", "error", "disconnect_notice", "close overloaded"]);
  });

  it("is forced on a peer that does not answer the close frame within two seconds", async () => {
    await active();
    connection.apply({ type: "closeOrdered", reason: "draining" });
    vi.advanceTimersByTime(1_999);
    expect(transport.did).not.toContain("terminate");
    vi.advanceTimersByTime(1);
    expect(transport.did.at(-1)).toBe("terminate");
  });

  it("gives a session up once, and says so once, however often it ends", async () => {
    await active();
    connection.apply({ type: "closeOrdered", reason: "session_replaced", upToEpoch: 7 });
    connection.apply({ type: "closeOrdered", reason: "draining" });
    connection.socketClosed();
    expect(services.did.slice(-2)).toEqual(["ended alice 7 session_replaced", "gone"]);
    expect(transport.did.filter((step) => step.startsWith("close"))).toEqual(["close session_replaced"]);
  });

  it("comes to a follower that does not read its answers: cut off at once, and its session given up once", async () => {
    await active();
    transport.bufferedAmount = 1_000;
    connection.receive(frame("hello", HELLO));
    expect(transport.did.slice(-3)).toEqual(["terminate", "close slow_consumer", "terminate"]);
    expect(services.did.filter((step) => step.startsWith("ended"))).toEqual(["ended alice 7 slow_consumer"]);
  });

  it("comes to a peer of which nothing was heard since the last ping, and to no other", () => {
    connection.checkAlive();
    connection.pong();
    connection.checkAlive();
    connection.receive("x");
    connection.checkAlive();
    expect(transport.did.filter((step) => step !== "error")).toEqual(["ping", "ping", "ping"]);
    connection.checkAlive();
    expect(transport.did.at(-1)).toBe("terminate");
  });
});
