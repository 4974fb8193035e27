import type { PairingStore, TrustStore } from "@yonexus/protocol/redis";
import { normalizePairingCode } from "@yonexus/protocol/wire/basics";
import type { ConnectionEvent } from "../session/event.ts";
import type { Peer } from "../session/state.ts";
import { newSecret } from "./pairGrant.ts";

export interface PairConfirmServices {
  readonly trusts: Pick<TrustStore, "sealSecret">;
  readonly pairings: Pick<PairingStore, "confirm">;
}

/** Not a code at all, so it matches none: it counts as a try like any wrong one. */
const NO_CODE = "";

/** Compares the code that a human relayed; the right one makes a new shared secret. */
export async function confirmPairing(
  services: PairConfirmServices,
  peer: Peer,
  pairingCode: string,
): Promise<ConnectionEvent> {
  if (peer.key === undefined) throw new TypeError("A pairing needs the key of the hello.");
  const { identifier, key } = peer;
  const secret = newSecret();
  const sealedSecret = services.trusts.sealSecret(identifier, secret);
  const code = normalizePairingCode(pairingCode) ?? NO_CODE;
  const confirmed = await services.pairings.confirm(identifier, key.fingerprint, code, sealedSecret);
  if (confirmed.outcome !== "paired") return { type: "pairingConfirmed", confirmed };
  const trust = { publicKey: key.publicKey, sealedSecret };
  return {
    type: "pairingConfirmed",
    confirmed,
    grant: { secret, expected: { trustVersion: confirmed.trustVersion, trust } },
  };
}
