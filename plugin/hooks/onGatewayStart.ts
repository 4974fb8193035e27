import type { PluginContainer } from "../core/container.ts";

/** The gateway is up: the plugin begins to connect. The gateway does not wait for Redis. */
export function onGatewayStart(container: PluginContainer): () => Promise<void> {
  return () => container.start();
}
