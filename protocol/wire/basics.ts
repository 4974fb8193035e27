// All of the wire but its frames: whoever needs no schema of a message loads none, which is most of what a command takes to start.
export * from "./application.ts";
export * from "./base64.ts";
export * from "./capabilities.ts";
export * from "./closeCodes.ts";
export * from "./encodeError.ts";
export * from "./errorCodes.ts";
export * from "./followerStatus.ts";
export * from "./identifier.ts";
export * from "./limits.ts";
export * from "./messageId.ts";
export * from "./pairingCode.ts";
export * from "./proof.ts";
export * from "./publicKey.ts";
