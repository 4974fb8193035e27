import { writeFileSync } from "node:fs";
import { newSavedState } from "@yonexus/protocol/client";
import { keyFingerprint } from "@yonexus/protocol/wire";
import { pairFollower, type Stores } from "../support/stores.ts";

/** Pairs a follower by way of the stores, and writes the file with which it connects. */
export async function writePairedState(stores: Stores, identifier: string, path: string): Promise<void> {
  const fresh = newSavedState(identifier);
  const { publicKey } = fresh;
  const secret = Buffer.from(`the secret of ${identifier} in a test`).toString("base64");
  const key = { publicKey, fingerprint: keyFingerprint(Buffer.from(publicKey, "base64")) };
  await pairFollower(stores, identifier, { key, secret, address: identifier });
  const state = { ...fresh, secret, pairedAt: Math.floor(Date.now() / 1000) };
  writeFileSync(path, JSON.stringify(state), { mode: 0o600 });
}
