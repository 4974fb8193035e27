/** Every tool of the plugin: one that the manifest does not list does not exist for OpenClaw. */
export declare const TOOL_NAMES: readonly [
  "sendMessageToClient",
  "listClientStatus",
  "getPairingState",
  "getMessageState",
];
