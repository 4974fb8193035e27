import {
  createFollower,
  createMemoryState,
  type Follower,
  type FollowerEventName,
  type FollowerEvents,
  type FollowerOptions,
  type FollowerPhase,
} from "@yonexus/protocol/client";
import type {
  AdminNotification,
  AuthFailedReason,
  Capability,
  MessageAckStatus,
  MessageRejectedReason,
  NextAction,
  NodeMessage,
  PairFailedReason,
} from "@yonexus/protocol/wire";
import { type StubConnection, startWsStub, type WsStub } from "./wsStub.ts";

/** The identifier of the follower in every script. */
export const identifier = "edge";

/** What a node says, ready to send. */
export const says = {
  helloAck: (nextAction: NextAction, timestamp?: number, capabilities?: readonly Capability[]): NodeMessage => ({
    type: "hello_ack",
    ...(timestamp === undefined ? {} : { timestamp }),
    payload: { identifier, nextAction, ...(capabilities === undefined ? {} : { capabilities: [...capabilities] }) },
  }),
  pairRequest: (adminNotification: AdminNotification = "sent"): NodeMessage => ({
    type: "pair_request",
    payload: { identifier, expiresAt: 1_790_000_300, ttlSeconds: 300, adminNotification, codeDelivery: "out_of_band" },
  }),
  pairSuccess: (): NodeMessage => ({
    type: "pair_success",
    payload: { identifier, secret: "fresh-secret", pairedAt: 1_790_000_000 },
  }),
  pairFailed: (reason: PairFailedReason): NodeMessage => ({ type: "pair_failed", payload: { identifier, reason } }),
  authSuccess: (): NodeMessage => ({
    type: "auth_success",
    payload: { identifier, authenticatedAt: 1_790_000_001, status: "online" },
  }),
  /** A queued message with the id `m<seq>`. */
  message: (seq: number, content = `content ${seq}`): NodeMessage => ({
    type: "message",
    payload: { id: `m${seq}`, seq, rule: "chat", content },
  }),
  ack: (id: string, status: MessageAckStatus = "accepted", reason?: MessageRejectedReason): NodeMessage => ({
    type: "message_ack",
    payload: { id, status, ...(reason === undefined ? {} : { reason }) },
  }),
  authFailed: (reason: AuthFailedReason): NodeMessage => ({ type: "auth_failed", payload: { identifier, reason } }),
};

/** Plays the node for a paired follower, up to its session. It grants nothing beyond version 1 unless told. */
export async function authenticate(connection: StubConnection, granted?: readonly Capability[]): Promise<void> {
  await connection.read("hello");
  connection.send(says.helloAck("auth_required", undefined, granted));
  await connection.read("auth_request");
  connection.send(says.authSuccess());
}

/** The value of the follower's next such event. */
export function nextEvent<Name extends FollowerEventName>(
  follower: Follower,
  name: Name,
): Promise<FollowerEvents[Name]> {
  return new Promise((resolve) => {
    const remove = follower.on(name, (value) => {
      remove();
      resolve(value);
    });
  });
}

/** Resolves when the follower is in this phase. */
export function reached(follower: Follower, phase: FollowerPhase): Promise<void> {
  if (follower.state.phase === phase) return Promise.resolve();
  return new Promise((resolve) => {
    const remove = follower.on("state", (state) => {
      if (state.phase !== phase) return;
      remove();
      resolve();
    });
  });
}

/** A stub node with the followers that a test makes for it. */
export class ScriptedNode {
  readonly stub: WsStub;
  readonly #followers: Follower[] = [];

  private constructor(stub: WsStub) {
    this.stub = stub;
  }

  static async start(): Promise<ScriptedNode> {
    return new ScriptedNode(await startWsStub());
  }

  /** A follower of the stub, not connected yet; never paired unless the options give it a state. */
  follower(options: Partial<FollowerOptions> = {}): Follower {
    const { stateFile, state, ...rest } = options;
    const kept = stateFile === undefined ? { state: state ?? createMemoryState() } : { stateFile };
    const follower = createFollower({ url: this.stub.url, identifier, ...rest, ...kept });
    this.#followers.push(follower);
    return follower;
  }

  /** Connects the follower, which must be paired, and gives the node's end of its session. */
  async session(follower: Follower, granted?: readonly Capability[]): Promise<StubConnection> {
    const opened = this.stub.nextConnection().then(async (connection) => {
      await authenticate(connection, granted);
      return connection;
    });
    const [connection] = await Promise.all([opened, follower.connect()]);
    return connection;
  }

  /** Connects the follower up to an open pairing. */
  async pairing(follower: Follower): Promise<StubConnection> {
    const asked = new Promise((resolve) => follower.on("pairing", resolve));
    follower.connect().catch(() => undefined);
    const connection = await this.stub.nextConnection();
    await connection.read("hello");
    connection.send(says.helloAck("pair_required"));
    connection.send(says.pairRequest());
    await asked;
    return connection;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#followers.map((follower) => follower.close()));
    await this.stub.stop();
  }
}
