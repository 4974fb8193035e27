import { newSavedState, type SavedState } from "@yonexus/protocol/client";
import { keyFingerprint } from "@yonexus/protocol/wire";
import { pairFollower, type Stores } from "./stores.ts";

/** Pairs a follower by way of the stores. @returns the state with which it connects. */
export async function pairedState(stores: Stores, identifier: string): Promise<SavedState> {
  const fresh = newSavedState(identifier);
  const { publicKey } = fresh;
  const secret = Buffer.from(`the secret of ${identifier} in a test`).toString("base64");
  const key = { publicKey, fingerprint: keyFingerprint(Buffer.from(publicKey, "base64")) };
  await pairFollower(stores, identifier, { key, secret, address: identifier });
  return { ...fresh, secret, pairedAt: Math.floor(Date.now() / 1_000) };
}
