import {
  type FollowerDirectory,
  type FollowerSummary,
  type Keys,
  messageChangedAt,
  type RedisConnection,
  recentMessages,
} from "@yonexus/protocol/redis";
import type { FollowerRow, FollowersFacts, MessageMark, ViewRequest } from "./liveMessages.ts";
import type { ViewState } from "./viewState.ts";

type FollowersRequest = Extract<ViewRequest, { view: "followers" }>;

/** Followers that one page shows. */
const PAGE_SIZE = 25;
/** Followers that are looked at for one page of one status: there is no index by status, and a look must not read them all. */
const SEARCHED = 500;
const SLICE = 100;
/** Messages of each follower whose states are shown. */
const MARKS = 5;

/** A page of the followers, by identifier. It costs as much as a page has. */
export class FollowersView {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #directory: FollowerDirectory;

  constructor(redis: RedisConnection, keys: Keys, directory: FollowerDirectory) {
    this.#redis = redis;
    this.#keys = keys;
    this.#directory = directory;
  }

  async read(request: FollowersRequest): Promise<ViewState> {
    const { followers, ...facts } = await this.#find(request);
    const rows = await Promise.all(
      followers.map(async (follower) => followerRow(follower, await this.#marks(follower.identifier))),
    );
    const shown: FollowersFacts = facts;
    return { facts: shown, lists: { followers: rows } };
  }

  async #find({ prefix, after, status }: FollowersRequest): Promise<FollowersFacts & { followers: FollowerSummary[] }> {
    const slice = status === "all" ? PAGE_SIZE + 1 : SLICE;
    const followers: FollowerSummary[] = [];
    let from = after;
    let searched = 0;
    for (;;) {
      const found = await this.#directory.page(from === "" ? undefined : from, slice, prefix);
      for (const follower of found) {
        // One more than the page: that there is a next one, which begins after the last that was looked at.
        if (followers.length === PAGE_SIZE) return { followers, searched, next: from };
        searched += 1;
        from = follower.identifier;
        if (status === "all" || follower.status === status) followers.push(follower);
      }
      if (found.length < slice) return { followers, searched, next: "" };
      if (searched >= SEARCHED) return { followers, searched, next: from };
    }
  }

  async #marks(identifier: string): Promise<MessageMark[]> {
    const records = await recentMessages(this.#redis, this.#keys, identifier, MARKS);
    return records.map((record) => ({ id: record.messageId, state: record.state, at: messageChangedAt(record) }));
  }
}

function followerRow(follower: FollowerSummary, recent: readonly MessageMark[]): FollowerRow {
  const { identifier, status, allowed, paired, pendingPairings, queued, queuedBytes, deadLetters } = follower;
  return {
    ...{ id: identifier, status, allowed, paired, pendingPairings, queued, queuedBytes, deadLetters, recent },
    node: follower.node ?? null,
    address: follower.address ?? null,
    since: sinceOf(follower),
    lastHeartbeatAt: follower.lastHeartbeatAt ?? null,
  };
}

/** When the follower's session began, or ended. One whose node was lost has no end yet: then it was last heard of. */
export function sinceOf({ status, authenticatedAt, endedAt, lastHeartbeatAt }: FollowerSummary): number | null {
  if (status !== "offline") return authenticatedAt ?? null;
  return endedAt ?? lastHeartbeatAt ?? null;
}
