/** Every tool of the plugin: one that the manifest does not list does not exist for OpenClaw. */
export const TOOL_NAMES = ["sendMessageToClient", "listClientStatus", "getPairingState", "getMessageState"];
//# sourceMappingURL=toolNames.js.map
