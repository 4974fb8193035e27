import {
  type AuditEntry,
  type FollowerDirectory,
  type FollowerSummary,
  type Keys,
  type MessageRecord,
  messageChangedAt,
  type RedisConnection,
  recentMessages,
} from "@yonexus/protocol/redis";
import { sinceOf } from "./followersView.ts";
import type { FollowerFacts, TimelineRow } from "./liveMessages.ts";
import type { ViewState } from "./viewState.ts";

/** Entries of the audit, and messages, that are shown. */
const AUDIT_ENTRIES = 100;
const MESSAGES = 50;

/** One follower: how it is, and what happened to it and to the messages for it, newest first. */
export class FollowerView {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #directory: FollowerDirectory;

  constructor(redis: RedisConnection, keys: Keys, directory: FollowerDirectory) {
    this.#redis = redis;
    this.#keys = keys;
    this.#directory = directory;
  }

  async read(identifier: string): Promise<ViewState> {
    const [follower, audit, messages] = await Promise.all([
      this.#directory.find(identifier),
      this.#directory.audit(identifier, AUDIT_ENTRIES),
      recentMessages(this.#redis, this.#keys, identifier, MESSAGES),
    ]);
    return {
      facts: factsOf(follower),
      lists: { timeline: timelineOf(audit, messages) },
    };
  }
}

/** @param audit newest first. */
export function timelineOf(audit: readonly AuditEntry[], messages: readonly MessageRecord[]): TimelineRow[] {
  // Of several entries of one millisecond the older ones keep their numbers when a new one comes.
  const seen = new Map<string, number>();
  const entries = audit.toReversed().map(({ at, event, details }): TimelineRow => {
    const name = `${at} ${event}`;
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    return { id: `${name} ${count}`, at, kind: "audit", what: event, details };
  });
  const marks = messages.map(messageRow);
  // The sort is stable: what happened at once stays in the order of the audit.
  return [...entries.toReversed(), ...marks].sort((one, other) => other.at - one.at);
}

function messageRow(record: MessageRecord): TimelineRow {
  const { messageId, state, delivery, tries, node, reason, bytes, expiresAt } = record;
  const details = {
    id: messageId,
    delivery,
    bytes: String(bytes),
    ...(tries > 1 ? { tries: String(tries) } : {}),
    ...(node === undefined ? {} : { node }),
    ...(reason === undefined ? {} : { reason }),
    ...(record.settledAt === undefined && expiresAt !== undefined ? { expiresAt: String(expiresAt) } : {}),
  };
  return { id: `message ${messageId}`, at: messageChangedAt(record), kind: "message", what: state, details };
}

function factsOf(follower: FollowerSummary | undefined): FollowerFacts {
  return {
    known: follower !== undefined,
    status: follower?.status ?? "offline",
    endReason: (follower?.status === "offline" ? follower.endReason : undefined) ?? null,
    allowed: follower?.allowed ?? false,
    paired: follower?.paired ?? false,
    fingerprint: follower?.fingerprint ?? null,
    pairedAt: follower?.pairedAt ?? null,
    trustClearedAt: follower?.trustClearedAt ?? null,
    trustClearedReason: follower?.trustClearedReason ?? null,
    node: follower?.node ?? null,
    address: follower?.address ?? null,
    since: follower === undefined ? null : sinceOf(follower),
    lastHeartbeatAt: follower?.lastHeartbeatAt ?? null,
    queued: follower?.queued ?? 0,
    queuedBytes: follower?.queuedBytes ?? 0,
    expired: follower?.expired ?? 0,
    rejected: follower?.rejected ?? 0,
    deadLetters: follower?.deadLetters ?? 0,
  };
}
