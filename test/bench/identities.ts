import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { Keys } from "@yonexus/protocol/redis";
import { type Capability, encodeFollowerMessage, keyFingerprint, newNonce, proofBytes } from "@yonexus/protocol/wire";
import { openStores, pairFollower } from "../support/stores.ts";
import type { Outgoing } from "./followerSocket.ts";
import { outgoing } from "./leanSocket.ts";
import { inLanes } from "./pace.ts";

/** A paired follower. */
export interface Identity {
  readonly identifier: string;
  /** Base64 of the raw key. */
  readonly publicKey: string;
  readonly privateKey: KeyObject;
  readonly secret: string;
}

const RAW_KEY_BYTES = 32;
const PAIRED_AT_A_TIME = 64;

/** Pairs followers through the stores, as an operator and a node would. */
export async function pairIdentities(redisUrl: string, keyPrefix: string, count: number): Promise<Identity[]> {
  const stores = await openStores(redisUrl, { keys: new Keys(keyPrefix) });
  const identities = Array.from({ length: count }, (_, index) => newIdentity(`follower-${index}`));
  await inLanes(count, PAIRED_AT_A_TIME, async (index) => {
    const identity = identities[index];
    if (identity === undefined) return;
    const { identifier, publicKey, secret } = identity;
    const fingerprint = keyFingerprint(Buffer.from(publicKey, "base64"));
    await pairFollower(stores, identifier, { key: { publicKey, fingerprint }, secret });
  });
  stores.close();
  return identities;
}

export function helloOf({ identifier, publicKey }: Identity, capabilities: readonly Capability[] = []): Outgoing {
  const known = { identifier, hasSecret: true, hasKeyPair: true, publicKey, protocolVersion: "1" };
  const payload = capabilities.length === 0 ? known : { ...known, capabilities: [...capabilities] };
  return outgoing(encodeFollowerMessage({ type: "hello", timestamp: unixSeconds(), payload }));
}

/** Signs a fresh proof. */
export function authRequestOf({ identifier, publicKey, privateKey, secret }: Identity): Outgoing {
  const nonce = newNonce(randomBytes);
  const proofTimestamp = unixSeconds();
  const signature = sign(null, proofBytes(secret, nonce, proofTimestamp), privateKey).toString("base64");
  return outgoing(
    encodeFollowerMessage({
      type: "auth_request",
      timestamp: proofTimestamp,
      payload: { identifier, nonce, proofTimestamp, signature, publicKey },
    }),
  );
}

function newIdentity(identifier: string): Identity {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-RAW_KEY_BYTES);
  return {
    identifier,
    publicKey: raw.toString("base64"),
    privateKey,
    secret: randomBytes(RAW_KEY_BYTES).toString("base64"),
  };
}

function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
