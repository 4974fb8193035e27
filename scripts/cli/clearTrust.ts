import { sessionClosed } from "@yonexus/protocol/operator";
import { TrustStore } from "@yonexus/protocol/redis";
import { CliError } from "./cliError.ts";
import { type ClusterOptions, withCluster } from "./clusterAccess.ts";
import { print, printJson } from "./output.ts";

export interface ClearOptions extends ClusterOptions {
  readonly json?: true;
}

/** What to clear, and what to tell the person. */
interface Clearing {
  readonly reason: string;
  readonly disallow: boolean;
  readonly done: string;
  readonly next: string;
}

/** Forgets a follower's trust and says what became of its session. @throws CliError when nobody knows the follower. */
export async function clearTrust(identifier: string, options: ClearOptions, clearing: Clearing): Promise<void> {
  await withCluster(options, async ({ redis, keys }) => {
    const { reason, disallow, done, next } = clearing;
    const cleared = await new TrustStore(redis, keys).clear(identifier, reason, { disallow });
    if (!cleared.known) {
      throw new CliError(`${identifier} is unknown: nothing was changed. See \`yonexus clients\`.`);
    }
    const configured = disallow && (await redis.sismember(keys.configuredFollowers, identifier)) === 1;
    if (options.json === true) {
      printJson({ identifier, ...cleared, disallowed: disallow, configured });
      return;
    }
    print(
      [done, cleared.wasPaired ? "" : "It was not paired.", sessionClosed(cleared.closedOn)].filter(Boolean).join(" "),
    );
    if (configured) {
      print("YONEXUS_FOLLOWER_IDENTIFIERS names it still: it stays out all the same. Take it out of there too.");
    }
    print(next);
  });
}
