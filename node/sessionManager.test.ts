import type { NodeCommand, Receipt } from "@yonexus/protocol/redis";
import { beforeEach, describe, expect, it } from "vitest";
import { Connection } from "./session/connection.ts";
import type { ConnectionServices } from "./session/connectionPorts.ts";
import type { QueuedMessage } from "./session/deliveryWindow.ts";
import type { ConnectionEvent } from "./session/event.ts";
import type { Transport } from "./session/transport.ts";
import { SessionManager } from "./sessionManager.ts";

const PUBLIC_KEY = "6bBmM3lxIjaETOYz23UH7bbYPc+KtjADd1WxYOYB5rE=";
const NO_QUEUE = { lastSeq: 0, waiting: 0, gaps: 0 };
const LIMITS = { handshakeTimeoutMs: 60_000, maxSendBufferBytes: 1_000, inboundRatePerSecond: 100, inboundBurst: 100 };

/** A follower on this hub, whose claims come true when a test says so. */
class Peer implements Transport {
  bufferedAmount = 0;
  readonly sent: string[] = [];
  /** What Redis holds for the follower, and how often it was asked. */
  readonly queue: QueuedMessage[] = [];
  reads = 0;
  readonly identifier: string;
  readonly connection: Connection;
  #claim: ((event: ConnectionEvent) => void) | undefined;

  constructor(hub: SessionManager, identifier: string, connectionId: string) {
    this.identifier = identifier;
    const services: ConnectionServices = {
      perform: (effect) =>
        effect.do === "judgeProof"
          ? new Promise((resolve) => {
              this.#claim = resolve;
            })
          : Promise.resolve({
              type: "lookedUp",
              lookup: { now: 0, allowed: true, trustVersion: "1", trust: { publicKey: PUBLIC_KEY, sealedSecret: "s" } },
            }),
      expectSession: (expected) => hub.expectSession(expected),
      sessionOpened: (connection, session) => hub.openSession(connection, session),
      sessionEnded: (connection, session) => void hub.closeSession(connection, session.identifier),
      ended: (connection) => hub.remove(connection),
      overRate: () => {},
      fault: (error) => {
        throw error;
      },
      clock: { seconds: () => 1_800_000_000 },
      queues: {
        nodeId: "node",
        clock: { seconds: () => 1_800_000_000 },
        queue: {
          read: async (_identifier, afterSeq) => {
            this.reads += 1;
            return { messages: this.queue.filter(({ seq }) => seq > afterSeq), gaps: [], more: false };
          },
          settle: async () => "settled",
          reject: async () => "settled",
          forgetGaps: async () => {},
        },
        receipt: () => {},
        failed: (error) => {
          throw error;
        },
      },
    };
    this.connection = new Connection(connectionId, "192.0.2.1", this, services, LIMITS);
    hub.add(this.connection);
  }

  /** As far as a claim that is under way. */
  async prove(): Promise<void> {
    const { identifier } = this;
    const hello = { identifier, hasSecret: true, hasKeyPair: true, publicKey: PUBLIC_KEY, protocolVersion: "1" };
    const proof = { identifier, nonce: "A".repeat(24), proofTimestamp: 1, signature: "x" };
    for (const [type, payload] of Object.entries({ hello, auth_request: proof })) {
      this.connection.receive(`builtin::${JSON.stringify({ type, payload })}`);
    }
    await turn();
  }

  async claimed(epoch: number): Promise<void> {
    this.#claim?.({ type: "proofJudged", verdict: { outcome: "claimed", epoch, now: 0, queue: NO_QUEUE } });
    await turn();
  }

  async refused(): Promise<void> {
    this.#claim?.({ type: "proofJudged", verdict: { outcome: "nonce_collision" } });
    await turn();
  }

  async logIn(epoch: number): Promise<void> {
    await this.prove();
    await this.claimed(epoch);
  }

  get isActive(): boolean {
    return this.closedBy === undefined && this.connection.session !== undefined;
  }

  closedBy: string | undefined;
  send(frame: string, onWritten?: (error?: Error | null) => void): void {
    this.sent.push(frame);
    onWritten?.();
  }
  close(_code: number, reason: string): void {
    this.closedBy = reason;
    this.connection.socketClosed();
  }
  terminate(): void {}
  ping(): void {}
  pause(): void {}
  resume(): void {}
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const close = (epoch: number): NodeCommand => ({
  kind: "close",
  identifier: "alice",
  epoch,
  reason: "session_replaced",
});
const deliver = (epoch: number, messageId = `m${epoch}`): Extract<NodeCommand, { kind: "deliver" }> => ({
  kind: "deliver",
  identifier: "alice",
  epoch,
  messageId,
  senderId: "s",
  recorded: false,
  frame: `chat::${messageId}`,
});
const queued = (epoch: number, seq: number): Extract<NodeCommand, { kind: "queued" }> => ({
  kind: "queued",
  identifier: "alice",
  epoch,
  seq,
  messageId: `q${seq}`,
  senderId: "",
  frame: `chat::q${seq}`,
});

let receipts: Receipt[];
let hub: SessionManager;
let count: number;
let holdsLease: boolean;
beforeEach(() => {
  receipts = [];
  count = 0;
  hub = new SessionManager(
    ({ messageId }, outcome) => receipts.push({ messageId, outcome }),
    () => holdsLease,
  );
  holdsLease = true;
});
const peer = (identifier = "alice") => new Peer(hub, identifier, `c${++count}`);

describe("a message for a session", () => {
  it("is refused as stale when the node may count as dead: its sender has given up on it", async () => {
    const alice = peer();
    await alice.logIn(5);
    const sent = alice.sent.length;
    holdsLease = false;
    hub.handle(deliver(5));
    expect(alice.sent).toHaveLength(sent);
    expect(receipts).toEqual([{ messageId: "m5", outcome: "stale" }]);
  });

  it("is delivered to the session of its epoch, and its sender told", async () => {
    const alice = peer();
    await alice.logIn(5);
    hub.handle(deliver(5));
    expect(alice.sent.at(-1)).toBe("chat::m5");
    expect(receipts).toEqual([{ messageId: "m5", outcome: "delivered" }]);
  });

  it.each([4, 6])("of epoch %i is stale for the session of epoch 5: nothing is written", async (epoch) => {
    const alice = peer();
    await alice.logIn(5);
    const before = alice.sent.length;
    hub.handle(deliver(epoch));
    expect(alice.sent).toHaveLength(before);
    expect(receipts).toEqual([{ messageId: `m${epoch}`, outcome: "stale" }]);
  });

  it("is stale when the follower is not here, or is here and not authenticated yet", async () => {
    hub.handle(deliver(5));
    peer();
    hub.handle(deliver(6));
    expect(receipts.map(({ outcome }) => outcome)).toEqual(["stale", "stale"]);
  });

  it("is refused as overloaded when the send buffer is full", async () => {
    const alice = peer();
    await alice.logIn(5);
    alice.bufferedAmount = 1_000;
    hub.handle(deliver(5));
    expect(receipts).toEqual([{ messageId: "m5", outcome: "overloaded" }]);
  });
});

describe("a queued message", () => {
  it("goes to the session of its epoch at once, when that has all before it", async () => {
    const alice = peer();
    await alice.logIn(5);
    hub.handle(queued(5, 1));
    hub.handle(queued(5, 2));
    expect(alice.sent.slice(-2)).toEqual(["chat::q1", "chat::q2"]);
    expect(alice.reads).toBe(0);
  });

  it.each([4, 6])("of epoch %i is nothing to the session of epoch 5", async (epoch) => {
    const alice = peer();
    await alice.logIn(5);
    const before = alice.sent.length;
    hub.handle(queued(epoch, 1));
    await turn();
    expect([alice.sent.length, alice.reads]).toEqual([before, 0]);
  });

  it("that is not the next one is read with those before it", async () => {
    const alice = peer();
    await alice.logIn(5);
    alice.queue.push(queued(5, 1), queued(5, 2));
    hub.handle(queued(5, 2));
    await turn();
    expect(alice.sent.slice(-2)).toEqual(["chat::q1", "chat::q2"]);
  });
});

describe("several messages in one text", () => {
  it("are delivered in their order, each with its own receipt", async () => {
    const alice = peer();
    await alice.logIn(5);
    const deliveries = [deliver(5, "a"), deliver(4, "b"), deliver(5, "c")];
    hub.handle({ kind: "batch", deliveries });
    expect(alice.sent.slice(-2)).toEqual(["chat::a", "chat::c"]);
    expect(receipts.map(({ messageId, outcome }) => `${messageId} ${outcome}`)).toEqual([
      "a delivered",
      "b stale",
      "c delivered",
    ]);
  });
});

describe("what overtakes the answer to a claim", () => {
  it("waits for it: messages arrive in order once the session is open", async () => {
    const alice = peer();
    await alice.prove();
    for (const messageId of ["a", "b", "c"]) hub.handle(deliver(5, messageId));
    expect(receipts).toEqual([]);
    await alice.claimed(5);
    expect(alice.sent.slice(-3)).toEqual(["chat::a", "chat::b", "chat::c"]);
    expect(receipts).toHaveLength(3);
  });

  it("and closes the new session already, closes it when it is open", async () => {
    const alice = peer();
    await alice.prove();
    hub.handle(close(5));
    await alice.claimed(5);
    expect(alice.closedBy).toBe("session_replaced");
    expect(hub.sessionCount).toBe(0);
  });

  it("and is for an older session that is here, is not held up", async () => {
    const old = peer();
    await old.logIn(5);
    const alice = peer();
    await alice.prove();
    hub.handle(close(5));
    expect(old.closedBy).toBe("session_replaced");
    await alice.claimed(6);
    expect(alice.isActive).toBe(true);
  });

  it("is answered stale when the claim was refused", async () => {
    const alice = peer();
    await alice.prove();
    hub.handle(deliver(5));
    await alice.refused();
    expect(receipts).toEqual([{ messageId: "m5", outcome: "stale" }]);
  });

  it("waits for the last of several claims of one follower", async () => {
    const [first, second] = [peer(), peer()];
    await first.prove();
    await second.prove();
    hub.handle(deliver(6));
    await first.claimed(5);
    expect(receipts).toEqual([]);
    await second.claimed(6);
    expect(second.sent.at(-1)).toBe("chat::m6");
    expect(first.closedBy).toBe("session_replaced");
  });

  it("is bounded: what is over 256 is answered stale at once", async () => {
    const alice = peer();
    await alice.prove();
    for (let index = 0; index < 300; index++) hub.handle(deliver(5, `m${index}`));
    expect(receipts).toHaveLength(44);
    await alice.claimed(5);
    expect(receipts).toHaveLength(300);
  });

  it("and was queued, is read from the queue when the session is open: however much it is, once, and none is lost", async () => {
    const alice = peer();
    await alice.prove();
    for (let seq = 1; seq <= 300; seq++) {
      alice.queue.push(queued(5, seq));
      hub.handle(queued(5, seq));
    }
    await alice.claimed(5);
    await turn();
    expect(alice.reads).toBe(1);
    const frames = alice.sent.filter((frame) => frame.startsWith("chat::"));
    expect(frames.slice(0, 3)).toEqual(["chat::q1", "chat::q2", "chat::q3"]);
  });

  it("and was queued for a session that came to nothing, makes no other one read", async () => {
    const old = peer();
    await old.logIn(5);
    const alice = peer();
    await alice.prove();
    hub.handle(queued(6, 1));
    await alice.refused();
    await turn();
    expect(old.reads).toBe(0);
  });

  it("of another follower waits for nothing", async () => {
    await peer("bob").prove();
    hub.handle(deliver(5));
    expect(receipts).toHaveLength(1);
  });
});

describe("one session for each follower", () => {
  it("is left when it authenticates again on this node: the older connection is told", async () => {
    const [old, alice] = [peer(), peer()];
    await old.logIn(5);
    await alice.logIn(6);
    expect([old.closedBy, alice.isActive, hub.sessionCount]).toEqual(["session_replaced", true, 1]);
  });

  it("is not ended by the late end of an older one, nor by an order for it", async () => {
    const [old, alice] = [peer(), peer()];
    await old.logIn(5);
    await alice.logIn(6);
    old.connection.socketClosed();
    hub.handle(close(5));
    expect(alice.isActive).toBe(true);
    hub.handle(deliver(6));
    expect(receipts.at(-1)?.outcome).toBe("delivered");
  });

  it("is not counted before it is authenticated, nor after its connection is gone", async () => {
    const alice = peer();
    expect([hub.connectionCount, hub.sessionCount]).toEqual([1, 0]);
    await alice.logIn(5);
    expect([hub.connectionCount, hub.sessionCount]).toEqual([1, 1]);
    alice.connection.socketClosed();
    expect([hub.connectionCount, hub.sessionCount]).toEqual([0, 0]);
  });
});
