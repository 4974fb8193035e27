import Type from "typebox";
import { defineMessage } from "./definition.ts";
import { Identifier, Nonce, PublicKey, Signature, UnixSeconds } from "./fields.ts";

/** Follower → node: the proof of its key and of the shared secret. */
export const AuthRequest = defineMessage("auth_request", {
  identifier: Identifier,
  nonce: Nonce,
  proofTimestamp: UnixSeconds,
  signature: Signature,
  publicKey: Type.Optional(PublicKey),
});
