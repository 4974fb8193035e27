import type { PairingStore, TrustStore } from "@yonexus/protocol/redis";
import type { NoticeProducer } from "../services/noticeProducer.ts";
import type { ConnectionEvent } from "../session/event.ts";
import type { Peer } from "../session/state.ts";

export interface HelloServices {
  readonly trusts: Pick<TrustStore, "lookup">;
  readonly pairings: Pick<PairingStore, "open">;
  readonly notices: Pick<NoticeProducer, "add">;
}

type PairingOpened = Extract<ConnectionEvent, { type: "pairingOpened" }>;

/** Where a pairing's news go. */
export interface Waiter {
  readonly nodeId: string;
  readonly connectionId: string;
  readonly address: string;
}

/** What the cluster knows of the follower that said hello: one round trip. */
export async function lookUp(services: HelloServices, peer: Peer): Promise<ConnectionEvent> {
  const lookup = await services.trusts.lookup(peer.identifier, peer.key?.fingerprint);
  return { type: "lookedUp", lookup };
}

/** Opens the pairing, or joins the pending one, and has the admin told. */
export async function openPairing(services: HelloServices, peer: Peer, waiter: Waiter): Promise<PairingOpened> {
  if (peer.key === undefined) throw new TypeError("A pairing needs the key of the hello.");
  const { identifier, key } = peer;
  const opened = await services.pairings.open(identifier, key.publicKey, key.fingerprint, waiter);
  switch (opened.outcome) {
    case "opened":
    case "joined":
      // Joining adds the job again, which does nothing when it is there: a node that died between the record and the job
      // delays the notice and cannot lose it.
      if (opened.notice === "pending") {
        await services.notices.add(
          { kind: "pairing", identifier, fingerprint: key.fingerprint, pairingId: opened.pairingId },
          opened.now,
        );
      }
      break;
    case "pending_limit":
    case "address_limit":
    case "identifier_limit":
      await services.notices.add(
        { kind: "limit", identifier, address: waiter.address, limit: opened.outcome },
        opened.now,
      );
      break;
    case "not_allowed":
    case "denied":
      break;
  }
  return { type: "pairingOpened", opened };
}
