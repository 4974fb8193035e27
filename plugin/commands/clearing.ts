import { namedStill, sessionClosed } from "@yonexus/protocol/operator";
import { type CommandContext, type CommandReply, requireArgument, typed, unknownFollower } from "./operatorCommand.ts";

interface Clearing {
  readonly command: string;
  readonly disallow: boolean;
  readonly done: (identifier: string) => string;
  readonly next: (identifier: string) => string;
}

/** Forgets a follower's trust, and says what that did to its pairing and its live session. */
export async function clearTrust(
  { surface, registry }: CommandContext,
  argument: string | undefined,
  { command, disallow, done, next }: Clearing,
): Promise<CommandReply> {
  const identifier = requireArgument(surface, command, argument);
  const cleared = await (await registry()).clear(identifier, { disallow });
  if (!cleared.known) throw unknownFollower(surface, identifier);
  const lines = [
    [done(identifier), cleared.wasPaired ? "" : "It was not paired.", sessionClosed(cleared.closedOn)]
      .filter(Boolean)
      .join(" "),
    namedStill(identifier, cleared.configuredBy),
    // One that is off the allowlist is not asked for a code when it connects.
    disallow || cleared.allowed
      ? next(identifier)
      : `It is not on the allowlist, so it may not pair. To let it in: ${typed(surface, `allowClient ${identifier}`)}`,
  ];
  return {
    text: lines.filter((line) => line !== undefined).join("\n"),
    json: { identifier, ...cleared, disallowed: disallow },
  };
}
