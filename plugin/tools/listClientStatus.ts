import { ageText, lastSeenAt, plainText } from "@yonexus/protocol/operator";
import type { FollowerSummary } from "@yonexus/protocol/redis";
import Type from "typebox";
import type { HostTool } from "../core/host.ts";
import { FollowerRegistry, requireIdentifier } from "../core/registry.ts";
import { type Reach, readFrom } from "./reach.ts";
import { defineTool } from "./tool.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

export function listClientStatus(reach: Reach): HostTool {
  return defineTool({
    name: "listClientStatus",
    label: "Yonexus followers",
    description:
      "Lists the followers of this Yonexus network with their status: `online`, `unstable` (it fell silent a while ago), `offline`; when each was last seen, and how many messages wait for it. Give an identifier for one of them.",
    parameters: Type.Object(
      {
        identifier: Type.Optional(
          Type.String({ minLength: 1, maxLength: 64, description: "Only this follower: its identifier." }),
        ),
        status: Type.Optional(
          Type.Enum(["online", "unstable", "offline"], {
            description: "Only followers with this status: online, unstable or offline.",
          }),
        ),
        after: Type.Optional(
          Type.String({
            minLength: 1,
            maxLength: 64,
            description: "Begin after this identifier: the `next` of the page before.",
          }),
        ),
        limit: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: MAX_LIMIT,
            description: `At most so many followers, a whole number from 1 to ${MAX_LIMIT}: ${DEFAULT_LIMIT} unless given.`,
          }),
        ),
      },
      { additionalProperties: false },
    ),
    run: async ({ identifier, status, after, limit = DEFAULT_LIMIT }) => {
      if (identifier !== undefined) requireIdentifier(identifier);
      if (after !== undefined) requireIdentifier(after);
      const read = <T>(ask: (registry: FollowerRegistry) => Promise<T>) =>
        readFrom(reach, ({ redis, keys }) => ask(new FollowerRegistry(redis, keys)));
      if (identifier !== undefined) {
        const found = await read((registry) => registry.find(identifier));
        if (found === undefined) {
          const text = `${identifier} is unknown: check the spelling, or ask the operator to let it in.`;
          return { text, outcome: { followers: [], unknown: identifier } };
        }
        const follower = shown(found.follower, found.now);
        return { text: line(follower), outcome: { followers: [follower] } };
      }
      const page = await read((registry) => registry.list(after, limit));
      const followers = page.followers
        .map((follower) => shown(follower, page.now))
        .filter((follower) => status === undefined || follower.status === status);
      const more =
        page.next === undefined ? "" : `\nThere may be more: call it again with after ${JSON.stringify(page.next)}.`;
      const text =
        followers.length === 0
          ? `No follower ${status === undefined ? "is known" : `is ${status}`}${more === "" ? "" : " on this page"}.`
          : followers.map(line).join("\n");
      return {
        text: `${text}${more}`,
        outcome: { followers, ...(page.next === undefined ? {} : { next: page.next }) },
      };
    },
  });
}

/** What an agent may know of a follower: no address, no key. */
interface ShownFollower {
  readonly identifier: string;
  readonly status: FollowerSummary["status"];
  readonly allowed: boolean;
  readonly paired: boolean;
  readonly node?: string;
  /** Unix ms. */
  readonly lastSeenAt?: number;
  /** For people: `3 min ago`. */
  readonly lastSeen: string;
  readonly queued: number;
}

function shown(follower: FollowerSummary, now: number): ShownFollower {
  const seenAt = lastSeenAt(follower);
  return {
    identifier: follower.identifier,
    status: follower.status,
    allowed: follower.allowed,
    paired: follower.paired,
    ...(follower.node === undefined ? {} : { node: follower.node }),
    ...(seenAt === undefined ? {} : { lastSeenAt: seenAt }),
    lastSeen: seenAt === undefined ? "never" : ageText(seenAt, now),
    queued: follower.queued,
  };
}

function line({ identifier, status, allowed, paired, lastSeen, queued }: ShownFollower): string {
  const facts = [
    status as string,
    `last seen ${lastSeen}`,
    ...(allowed ? [] : ["not allowed"]),
    ...(paired ? [] : ["not paired"]),
    ...(queued === 0 ? [] : [`${queued} queued`]),
  ];
  return plainText(`${identifier}: ${facts.join(", ")}`);
}
