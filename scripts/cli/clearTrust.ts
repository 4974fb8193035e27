import { namedStill, sessionClosed } from "@yonexus/protocol/operator";
import { TrustStore } from "@yonexus/protocol/redis";
import { CliError } from "./cliError.ts";
import { type ClusterOptions, withCluster } from "./clusterAccess.ts";
import { nextSteps } from "./nextSteps.ts";
import { print, printJson } from "./output.ts";

export interface ClearOptions extends ClusterOptions {
  readonly json?: true;
}

/** What to clear, and what to tell the person. */
interface Clearing {
  readonly reason: string;
  readonly disallow: boolean;
  readonly done: string;
  /** What the follower does next; of one that may not pair another sentence is said. */
  readonly next: string;
}

/** Forgets a follower's trust and says what became of its session. @throws CliError when nobody knows the follower. */
export async function clearTrust(identifier: string, options: ClearOptions, clearing: Clearing): Promise<void> {
  await withCluster(options, async ({ redis, keys }) => {
    const { reason, disallow, done, next } = clearing;
    const trust = new TrustStore(redis, keys);
    const cleared = await trust.clear(identifier, reason, { disallow });
    if (!cleared.known) {
      throw new CliError(`${identifier} is unknown: nothing was changed. See \`yonexus clients\`.`);
    }
    const configuredBy = disallow ? await trust.configuredBy(identifier) : [];
    if (options.json === true) {
      printJson({
        identifier,
        ...cleared,
        disallowed: disallow,
        configured: configuredBy.length > 0,
        configuredBy,
      });
      return;
    }
    print(
      [done, cleared.wasPaired ? "" : "It was not paired.", sessionClosed(cleared.closedOn)].filter(Boolean).join(" "),
    );
    const still = namedStill(identifier, configuredBy);
    if (still !== undefined) print(still);
    // One that is off the allowlist is not asked for a code when it connects.
    print(
      disallow || cleared.allowed
        ? next
        : `It is not on the allowlist, so it may not pair: ${nextSteps.allowAgain(identifier)}.`,
    );
  });
}
