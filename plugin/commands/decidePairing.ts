import { meantPairings, PAIRING_COLUMNS, pairingRow, plainText } from "@yonexus/protocol/operator";
import type { PendingPairing } from "@yonexus/protocol/redis";
import { PluginError } from "../core/errors.ts";
import type { FollowerRegistry } from "../core/registry.ts";
import { type CommandContext, type CommandReply, table, typed } from "./operatorCommand.ts";

interface Decision<Outcome extends string> {
  readonly command: string;
  /** A follower's name alone is not enough: whoever is first with a key could be let in under it. */
  readonly needsKey: boolean;
  readonly decide: (registry: FollowerRegistry, pairing: PendingPairing) => Promise<Outcome>;
  readonly text: (outcome: Outcome, pairing: PendingPairing) => string;
  /** The outcomes with which the pairing is as the operator wanted it. */
  readonly done: readonly Outcome[];
}

/**
 * Decides about the pairing that the operator means, and says what came of it.
 * @throws PluginError `INVALID_PARAMETERS` when no id was given; `UNKNOWN_PAIRING` when no pairing is meant.
 */
export async function decidePairing<Outcome extends string>(
  { surface, registry }: CommandContext,
  argument: string | undefined,
  { command, needsKey, decide, text, done }: Decision<Outcome>,
): Promise<CommandReply> {
  if (argument === undefined || argument === "") {
    throw new PluginError(
      "INVALID_PARAMETERS",
      `Which pairing? ${typed(surface, "listPairings")} shows their ids; then write ${typed(surface, `${command} ID`)}.`,
    );
  }
  const cluster = await registry();
  const { pairings, now } = await cluster.pendingPairings();
  const meant = meantPairings(argument, pairings);
  switch (meant.kind) {
    case "none":
      throw new PluginError(
        "UNKNOWN_PAIRING",
        `No pairing with the id or of the follower ${plainText(argument).slice(0, 64)} waits, and nothing was changed: ${typed(surface, "listPairings")} shows who does.`,
      );
    case "several": {
      const rows = meant.pairings.map((pairing) => pairingRow(pairing, now));
      return {
        text: [
          `Several pairings of ${plainText(argument)} wait, and nothing was changed: compare the fingerprints, and name one by its id, as in ${typed(surface, `${command} ${rows[0]?.[0] ?? "ID"}`)}.`,
          table(surface, PAIRING_COLUMNS, rows),
        ].join("\n"),
        json: { outcome: "ambiguous", pairings: meant.pairings },
        failed: true,
      };
    }
    case "one": {
      const { pairing, byId } = meant;
      if (needsKey && !byId) {
        const row = pairingRow(pairing, now);
        return {
          text: [
            `This key waits as ${plainText(pairing.identifier)}, and nothing was changed. When the follower shows the same fingerprint: ${typed(surface, `${command} ${row[0] ?? "ID"}`)}`,
            table(surface, PAIRING_COLUMNS, [row]),
          ].join("\n"),
          json: { outcome: "compare", pairings: [pairing] },
          failed: true,
        };
      }
      const outcome = await decide(cluster, pairing);
      const { identifier, fingerprint, address, pairingId } = pairing;
      return {
        text: text(outcome, pairing),
        json: { identifier, fingerprint, address, pairingId, outcome },
        ...(done.includes(outcome) ? {} : { failed: true as const }),
      };
    }
  }
}
