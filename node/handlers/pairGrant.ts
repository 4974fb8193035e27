import { randomBytes } from "node:crypto";
import type { PairingStore, TrustStore } from "@yonexus/protocol/redis";
import type { ConnectionEvent } from "../session/event.ts";
import type { Peer } from "../session/state.ts";

export interface PairGrantServices {
  readonly trusts: Pick<TrustStore, "sealSecret">;
  readonly pairings: Pick<PairingStore, "grant">;
}

const SECRET_BYTES = 32;

/** A shared secret for a follower that is paired. */
export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64");
}

/** An operator approved the pairing: makes the shared secret, if this connection is the one that was approved. */
export async function grantPairing(
  services: PairGrantServices,
  peer: Peer,
  pairingId: string,
  address: string,
): Promise<ConnectionEvent> {
  if (peer.key === undefined) throw new TypeError("A pairing needs the key of the hello.");
  const { identifier, key } = peer;
  const secret = newSecret();
  const sealedSecret = services.trusts.sealSecret(identifier, secret);
  const granted = await services.pairings.grant(identifier, key, pairingId, address, sealedSecret);
  if (granted.outcome !== "paired") return { type: "pairingGranted", granted };
  const trust = { publicKey: key.publicKey, sealedSecret };
  return {
    type: "pairingGranted",
    granted,
    grant: { secret, expected: { trustVersion: granted.trustVersion, trust } },
  };
}
