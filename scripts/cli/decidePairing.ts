import { userInfo } from "node:os";
import { meantPairings, PAIRING_COLUMNS, pairingRow, renderTable } from "@yonexus/protocol/operator";
import { PairingStore, type PendingPairing, redisNow } from "@yonexus/protocol/redis";
import { CliError, QuietFailure } from "./cliError.ts";
import { type ClusterAccess, type ClusterOptions, withCluster } from "./clusterAccess.ts";
import { nextSteps } from "./nextSteps.ts";
import { print, printJson } from "./output.ts";

export interface DecideOptions extends ClusterOptions {
  readonly json?: true;
  /** The beginning of the fingerprint that the key must have. */
  readonly fingerprint?: string;
}

/** One kind of decision. */
interface Decision<Outcome extends string> {
  readonly verb: "approve" | "deny";
  /** A follower's name alone is not enough: whoever is first with a key could be let in under it. */
  readonly needsKey: boolean;
  readonly decide: (pairings: PairingStore, pairing: PendingPairing, by: string) => Promise<{ outcome: Outcome }>;
  readonly text: (outcome: Outcome, pairing: PendingPairing) => string;
  /** The outcomes with which the pairing is as the person wanted it. */
  readonly done: readonly Outcome[];
}

/** So many pairings are looked at: more wait only while somebody floods the cluster with them. */
const MAX_PAIRINGS = 2_000;

/** What waits, soonest to expire first, and the time of Redis (ms). */
export async function pendingPairings({ redis, keys }: ClusterAccess): Promise<{
  readonly pairings: readonly PendingPairing[];
  readonly now: number;
}> {
  const [pairings, now] = await Promise.all([new PairingStore(redis, keys).pending(MAX_PAIRINGS), redisNow(redis)]);
  return { pairings, now };
}

/**
 * Decides about the pairing that the person means, and says what came of it.
 * @throws CliError when no pairing is meant, or several are, or its key is another than was named, or the answer is "no".
 */
export async function decidePairing<Outcome extends string>(
  word: string,
  options: DecideOptions,
  decision: Decision<Outcome>,
): Promise<void> {
  await withCluster(options, async (cluster) => {
    const { decide, text, done } = decision;
    const pairing = await chosen(cluster, word, decision, options.fingerprint);
    const { outcome } = await decide(new PairingStore(cluster.redis, cluster.keys), pairing, decider());
    const { identifier, fingerprint, address, pairingId } = pairing;
    const isDone = done.includes(outcome);
    if (options.json === true) {
      printJson({ identifier, fingerprint, address, pairingId, outcome });
      if (!isDone) throw new QuietFailure(outcome);
    } else if (isDone) {
      print(text(outcome, pairing));
    } else {
      throw new CliError(text(outcome, pairing));
    }
  });
}

async function chosen(
  cluster: ClusterAccess,
  word: string,
  { verb, needsKey }: Pick<Decision<string>, "verb" | "needsKey">,
  fingerprint: string | undefined,
): Promise<PendingPairing> {
  const { pairings, now } = await pendingPairings(cluster);
  const meant = meantPairings(word, pairings);
  switch (meant.kind) {
    case "none":
      throw new CliError(
        `No pairing with the id or of the follower ${word} waits, so nothing was changed: ${nextSteps.listPairings()}.`,
      );
    case "several": {
      const rows = meant.pairings.map((pairing) => pairingRow(pairing, now));
      throw new CliError(
        `Several pairings of ${word} wait, so nothing was changed: compare the fingerprints, and name one by its id, as in \`yonexus ${verb} ${rows[0]?.[0] ?? "ID"}\`.\n${renderTable(PAIRING_COLUMNS, rows)}`,
      );
    }
    case "one": {
      const { pairing, byId } = meant;
      if (fingerprint !== undefined && !pairing.fingerprint.startsWith(fingerprint.toLowerCase())) {
        throw new CliError(
          `The key of ${pairing.identifier} that waits is ${pairing.fingerprint}, not ${fingerprint}, so nothing was changed: ${nextSteps.listPairings()}.`,
        );
      }
      if (byId || !needsKey || fingerprint?.toLowerCase() === pairing.fingerprint) return pairing;
      const row = pairingRow(pairing, now);
      throw new CliError(
        `This key waits as ${pairing.identifier}, and nothing was changed. When the follower shows the same fingerprint: \`yonexus ${verb} ${row[0] ?? "ID"}\`\n${renderTable(PAIRING_COLUMNS, [row])}`,
      );
    }
  }
}

/** Who decides, for the audit. */
export function decider(): string {
  try {
    return `cli:${userInfo().username}`;
  } catch {
    // A user without an entry in the machine's list, as in a container.
    return "cli";
  }
}
