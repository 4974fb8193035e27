import { AdminServer } from "@yonexus/protocol/admin";
import type { Config } from "@yonexus/protocol/config";
import type { Logger } from "@yonexus/protocol/log";
import type { CoordinatorMetrics } from "./metrics/coordinatorMetrics.ts";

/** What every coordinator serves on its admin port; undefined when it has none. */
export function adminOfCoordinator(
  { adminHost: host, adminPort: port, trustedProxies }: Config,
  logger: Logger,
  metrics: Pick<CoordinatorMetrics, "page">,
): AdminServer | undefined {
  if (port === undefined) return undefined;
  const admin = new AdminServer({ host, port, trustedProxies, logger });
  admin.route("GET", "/metrics", metrics.page);
  admin.route("GET", "/healthz", () => ({
    status: 200,
    headers: { "content-type": "application/json" },
    body: `${JSON.stringify({ status: "alive" })}\n`,
  }));
  return admin;
}
