import Type from "typebox";
import { defineMessage } from "./definition.ts";
import { CapabilityNames, Flag, Identifier, ProtocolVersion, PublicKey } from "./fields.ts";

/**
 * Follower → node, the first frame. `protocolVersion` may be any short text here, so that a version nobody knows is answered
 * `UNSUPPORTED_PROTOCOL_VERSION` and not as a malformed frame.
 */
export const Hello = defineMessage("hello", {
  identifier: Identifier,
  hasSecret: Flag,
  hasKeyPair: Flag,
  publicKey: Type.Optional(PublicKey),
  protocolVersion: ProtocolVersion,
  capabilities: Type.Optional(CapabilityNames),
});
