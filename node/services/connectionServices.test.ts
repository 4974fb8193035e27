import { createLogger } from "@yonexus/protocol/log";
import { beforeEach, describe, expect, it } from "vitest";
import { Admission } from "../admission.ts";
import { Connection } from "../session/connection.ts";
import { Session } from "../session/session.ts";
import type { Transport } from "../session/transport.ts";
import { SessionManager } from "../sessionManager.ts";
import { type ConnectionServicesParts, NodeConnectionServices } from "./connectionServices.ts";

const LIMITS = {
  handshakeTimeoutMs: 60_000,
  maxSendBufferBytes: 1_000,
  inboundRatePerSecond: 100,
  inboundBurst: 100,
  maxConnections: 10,
  maxUnauthenticated: 10,
  maxUnauthenticatedPerAddress: 10,
  maxPendingPairings: 10,
  maxPendingPairingsPerAddress: 10,
  handshakeRatePerSecond: 100,
  handshakeBurst: 100,
  handshakeRatePerAddress: 100,
};

class SilentTransport implements Transport {
  bufferedAmount = 0;
  send(): void {}
  close(): void {}
  terminate(): void {}
  ping(): void {}
  pause(): void {}
  resume(): void {}
}

let indexed: string[];
let ended: string[];
let services: NodeConnectionServices;
beforeEach(() => {
  indexed = [];
  ended = [];
  const parts: Partial<ConnectionServicesParts> = {
    hub: new SessionManager(
      () => {},
      () => true,
    ),
    admission: new Admission(LIMITS, 0),
  };
  const index = {
    beaten: (identifier: string) => void indexed.push(`beaten ${identifier}`),
    closed: (identifier: string) => void indexed.push(`closed ${identifier}`),
  };
  const sessions = { end: async () => "ended" };
  const meter = { sessionEnded: (reason: string) => void ended.push(reason) };
  services = new NodeConnectionServices({
    ...parts,
    index,
    sessions,
    meter,
    logger: createLogger("silent", "test"),
  } as unknown as ConnectionServicesParts);
});

function open(epoch: number): { connection: Connection; session: Session } {
  const transport = new SilentTransport();
  const connection = new Connection(`c${epoch}`, "192.0.2.1", transport, services, LIMITS);
  services.began(connection);
  const facts = { identifier: "alice", epoch, trustVersion: "1", authenticatedAt: 1, acks: false };
  const session = new Session(facts, connection, services.queues);
  services.sessionOpened(connection, session);
  return { connection, session };
}

describe("the node's index of its sessions", () => {
  it("loses a session that ended", () => {
    const { connection, session } = open(5);
    services.sessionEnded(connection, session, "disconnected");
    expect(indexed).toEqual(["beaten alice", "closed alice"]);
    expect(ended).toEqual(["disconnected"]);
  });

  it("keeps a follower whose newer session is open on this node", () => {
    const old = open(5);
    open(6);
    services.sessionEnded(old.connection, old.session, "session_replaced");
    expect(indexed).not.toContain("closed alice");
  });

  it("keeps a follower whose newer session is being claimed for this node: the claim has written it already", () => {
    const old = open(5);
    const settled = services.expectSession("alice");
    services.sessionEnded(old.connection, old.session, "disconnected");
    open(6);
    settled();
    expect(indexed).toEqual(["beaten alice", "beaten alice"]);
  });
});
