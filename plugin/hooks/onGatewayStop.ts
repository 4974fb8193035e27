import type { PluginContainer } from "../core/container.ts";

/** The gateway ends, or the plugin is replaced: nothing of it may keep the process, or a connection, open. */
export function onGatewayStop(container: PluginContainer): () => Promise<void> {
  return () => container.stop();
}
