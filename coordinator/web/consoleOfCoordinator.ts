import type { AdminServer } from "@yonexus/protocol/admin";
import type { Config } from "@yonexus/protocol/config";
import type { ConsoleOptions, RunningConsole } from "./console.ts";

interface Parts extends Omit<ConsoleOptions, "admin" | "publicUrl" | "leaseMs"> {
  readonly admin: AdminServer | undefined;
}

/** The console, where the configuration asks for one and there is an admin port. It is loaded only then. */
export async function consoleOfCoordinator(
  { consoleUrl, leaseMs }: Config,
  { admin, ...parts }: Parts,
): Promise<RunningConsole | undefined> {
  if (consoleUrl === undefined) return undefined;
  if (admin === undefined) {
    parts.logger.warn(
      { event: "console_without_port" },
      "YONEXUS_CONSOLE_URL is set and YONEXUS_ADMIN_PORT is not: set both, and there is a console.",
    );
    return undefined;
  }
  const { openConsole } = await import("./console.ts");
  return openConsole({ ...parts, admin, publicUrl: consoleUrl, leaseMs });
}
