import { spanText } from "@yonexus/protocol/operator";
import { type OperatorCommand, table, typed } from "./operatorCommand.ts";

const COLUMNS = ["follower", "key fingerprint", "time left"] as const;

export const listPairings: OperatorCommand = {
  name: "listPairings",
  aliases: ["pairings", "pending"],
  summary: "followers that wait for a pairing code",
  run: async ({ surface, registry, codes }) => {
    const { pairings, now } = await (await registry()).pendingPairings();
    if (pairings.length === 0) {
      return { text: `Nobody waits for a code. ${typed(surface, "listClients")} shows who is paired.`, json: [] };
    }
    const known = surface === "cli" ? codes() : [];
    const found = pairings.map((pairing) => ({
      ...pairing,
      code: known.find(
        ({ identifier, fingerprint }) => identifier === pairing.identifier && fingerprint === pairing.fingerprint,
      )?.code,
    }));
    const withCodes = found.some(({ code }) => code !== undefined);
    const rows = found.map(({ identifier, fingerprint, expiresAt, code }) => [
      identifier,
      fingerprint,
      spanText(Math.max(0, expiresAt - now)),
      ...(withCodes ? [code ?? ""] : []),
    ]);
    return {
      text: [
        table(surface, withCodes ? [...COLUMNS, "code"] : COLUMNS, rows),
        withCodes
          ? "Give a code only to a follower that shows the same fingerprint."
          : "Each code went to the admin, with the fingerprint to compare; it is never shown here.",
      ].join("\n"),
      json: found.map(({ code, ...pairing }) => (code === undefined ? pairing : { ...pairing, code })),
    };
  },
};
