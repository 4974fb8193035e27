/** How OpenClaw knows the plugin: the id of its manifest, the key of its entry, and the name of its folders. */
export const PLUGIN_ID = "yonexus-server";

/** OpenClaw compares ids without regard to case and to space around them. */
export function isPluginId(id: unknown): boolean {
  return typeof id === "string" && id.trim().toLowerCase() === PLUGIN_ID;
}
