import { AdminServer } from "@yonexus/protocol/admin";
import type { Config } from "@yonexus/protocol/config";
import type { Logger } from "@yonexus/protocol/log";
import type { NodeMetrics } from "./metrics/nodeMetrics.ts";

export interface AdminSources {
  /** Why the node should get no new followers; empty when it is ready. */
  readonly unreadiness: () => readonly string[];
  readonly metrics: Pick<NodeMetrics, "page" | "start">;
}

/** What a node serves on its admin port; undefined when it has none, and then nothing is timed for it either. */
export function adminOfNode(
  { adminHost: host, adminPort: port, trustedProxies }: Config,
  logger: Logger,
  sources: AdminSources,
): AdminServer | undefined {
  if (port === undefined) return undefined;
  const admin = new AdminServer({ host, port, trustedProxies, logger });
  admin.route("GET", "/metrics", sources.metrics.page);
  sources.metrics.start();
  admin.route("GET", "/healthz", () => json(200, { status: "alive" }));
  admin.route("GET", "/readyz", () => {
    const reasons = sources.unreadiness();
    return reasons.length === 0 ? json(200, { status: "ready" }) : json(503, { status: "not ready", reasons });
  });
  return admin;
}

function json(status: number, value: Readonly<Record<string, unknown>>) {
  return { status, headers: { "content-type": "application/json" }, body: `${JSON.stringify(value)}\n` };
}
