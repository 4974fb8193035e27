import { ageText, spanText } from "@yonexus/protocol/operator";
import Type from "typebox";
import type { HostTool } from "../core/host.ts";
import { FollowerRegistry, requireIdentifier } from "../core/registry.ts";
import { type Reach, readFrom } from "./reach.ts";
import { defineTool } from "./tool.ts";

export function getPairingState(reach: Reach): HostTool {
  return defineTool({
    name: "getPairingState",
    label: "Pairing of Yonexus followers",
    description:
      "Says whether a Yonexus follower is allowed and paired, and which followers wait for their pairing code. The code itself is never told: it goes to the admin alone, and nobody may ask for it here.",
    parameters: Type.Object(
      {
        identifier: Type.Optional(
          Type.String({
            minLength: 1,
            maxLength: 64,
            description: "The follower's identifier. Without it: all that wait for a code.",
          }),
        ),
      },
      { additionalProperties: false },
    ),
    run: async ({ identifier }) => {
      if (identifier !== undefined) requireIdentifier(identifier);
      if (identifier === undefined) {
        const { pairings, now } = await readFrom(reach, ({ redis, keys }) =>
          new FollowerRegistry(redis, keys).pendingPairings(),
        );
        const text =
          pairings.length === 0
            ? "Nobody waits for a pairing code."
            : pairings
                .map(
                  (each) =>
                    `${each.identifier} waits for its code, key ${each.fingerprint}, ${spanText(Math.max(0, each.expiresAt - now))} left`,
                )
                .join("\n");
        // Not the ids: they are for the operator, who decides.
        const waiting = pairings.map((each) => ({
          identifier: each.identifier,
          fingerprint: each.fingerprint,
          expiresAt: each.expiresAt,
        }));
        return { text, outcome: { waiting } };
      }
      const found = await readFrom(reach, ({ redis, keys }) => new FollowerRegistry(redis, keys).find(identifier));
      if (found === undefined) {
        return {
          text: `${identifier} is unknown: check the spelling, or ask the operator to let it in.`,
          outcome: { identifier, known: false },
        };
      }
      const { follower, now } = found;
      const waiting = found.pairings.map(({ fingerprint, expiresAt }) => ({ fingerprint, expiresAt }));
      const { allowed, paired, pairedAt, fingerprint } = follower;
      const facts = [
        allowed ? "allowed" : "not allowed",
        paired ? `paired${pairedAt === undefined ? "" : ` ${ageText(pairedAt, now)}`}` : "not paired",
        ...(waiting.length === 0 ? [] : ["waits for the admin to give it its code"]),
      ];
      return {
        text: `${identifier}: ${facts.join(", ")}.`,
        outcome: {
          identifier,
          known: true,
          allowed,
          paired,
          ...(pairedAt === undefined ? {} : { pairedAt }),
          ...(fingerprint === undefined ? {} : { fingerprint }),
          waiting,
        },
      };
    },
  });
}
