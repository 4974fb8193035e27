import { PAIRING_COLUMNS, pairingRow } from "@yonexus/protocol/operator";
import { type OperatorCommand, table, typed } from "./operatorCommand.ts";

const CODES_AT = {
  terminal: "The codes are shown on the gateway's machine alone, by `openclaw yonexus listPairings`.",
  admin: "Each code goes to the admin, with the fingerprint to compare; it is never shown here.",
};

export const listPairings: OperatorCommand = {
  name: "listPairings",
  aliases: ["pairings", "pending"],
  summary: "followers that wait to be paired: by their code, or by your word",
  run: async ({ surface, registry, codes, codesAt }) => {
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
    const rows = found.map(({ code, ...pairing }) => [...pairingRow(pairing, now), ...(withCodes ? [code ?? ""] : [])]);
    return {
      text: [
        table(surface, withCodes ? [...PAIRING_COLUMNS, "code"] : PAIRING_COLUMNS, rows),
        withCodes ? "Give a code only to a follower that shows the same fingerprint." : CODES_AT[codesAt()],
        `When the follower shows the same fingerprint, ${typed(surface, "approveClient ID")} lets it in without the code; ${typed(surface, "denyClient ID")} refuses it.`,
      ].join("\n"),
      json: found.map(({ code, ...pairing }) => (code === undefined ? pairing : { ...pairing, code })),
    };
  },
};
