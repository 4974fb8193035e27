import { hostname, userInfo } from "node:os";
import { ConsoleAccess } from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { CliError } from "../cli/cliError.ts";
import { addClusterOptions, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { complain, print, printJson } from "../cli/output.ts";

interface ConsoleCommandOptions extends ClusterOptions {
  readonly signOutAll?: true;
  readonly json?: true;
}

export function addConsoleCommand(program: Command): void {
  addClusterOptions(
    program
      .command("console")
      .description("a link to the operator's console in a browser: good for one sign-in, within five minutes")
      .option("--sign-out-all", "sign everybody out, and make links that were not used yet worthless")
      .option("--json", "one JSON object on standard output; instants are unix milliseconds"),
  )
    .addHelpText(
      "after",
      "\nExample:\n  yonexus console\n\nA coordinator serves the console when it has YONEXUS_CONSOLE_URL and YONEXUS_ADMIN_PORT:\n  YONEXUS_ADMIN_PORT=9090 YONEXUS_CONSOLE_URL=http://127.0.0.1:9090 yonexus up",
    )
    .action((options: ConsoleCommandOptions) =>
      withCluster(options, async ({ redis, keys, config }) => {
        const access = new ConsoleAccess(redis, keys);
        if (options.signOutAll === true) await signOutAll(access, options);
        else await printLink(access, config.consoleUrl, options);
      }),
    );
}

async function signOutAll(access: ConsoleAccess, { json }: ConsoleCommandOptions): Promise<void> {
  const signedOut = await access.endAll(ownName());
  if (json === true) printJson({ signedOut });
  else print(signedOut === 1 ? "1 session was signed out." : `${signedOut} sessions were signed out.`);
}

async function printLink(
  access: ConsoleAccess,
  configured: string | undefined,
  { json }: ConsoleCommandOptions,
): Promise<void> {
  const places = await access.places();
  const base = configured ?? places[0];
  if (base === undefined) {
    throw new CliError(
      "No coordinator serves the console: start one with YONEXUS_ADMIN_PORT=9090 and YONEXUS_CONSOLE_URL=http://127.0.0.1:9090.",
    );
  }
  const { token, expiresAt } = await access.addLink(ownName());
  // After the # it stays in the browser: no server, proxy or log sees it in an address.
  const url = `${base.replace(/\/$/u, "")}/console/#sign-in=${token}`;
  if (json === true) printJson({ url, expiresAt, served: places.includes(base) });
  else print(url);
  if (!places.includes(base)) complain(`No coordinator serves the console at ${base} now: start one first.`);
  else if (json !== true) complain("Open it in a browser within five minutes. It signs in one person, once.");
}

/** Who asks, as the audit names whoever signs in with the link. */
function ownName(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // In a container a user may have no name.
    return `unknown@${hostname()}`;
  }
}
