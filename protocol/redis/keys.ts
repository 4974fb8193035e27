/**
 * Every name that Yonexus uses in Redis, and the only place where one is spelled.
 *
 * Keys of one follower carry the hash tag `{identifier}` and keys of one rule the hash tag `{rule}`, so that a script
 * over one of them stays in one slot of a Redis Cluster. `protocol/KEYSPACE.md` says what each holds.
 */
export interface FollowerKeys {
  readonly trust: string;
  readonly session: string;
  readonly proofs: string;
  readonly pairings: string;
  readonly notices: string;
  readonly audit: string;
  /** ZSET, score = when (ms); member = connection: claims that took a live session from another address. */
  readonly takeovers: string;
  /** STREAM, ids `<seq>-0`: the queued messages that were not settled yet. */
  readonly queue: string;
  /** ZSET, score = when it expires (ms); member = seq: of the entries that expire before one that was queued earlier. */
  readonly queueDue: string;
  /** HASH: message id → its record; fields that begin with `#` count for the queue. */
  readonly messages: string;
  /** LIST: ids of settled messages, oldest first; their records are kept for a while. */
  readonly settled: string;
  /** ZSET, score = last seq; ranges of the queue that were dropped and that the follower has not been told for sure. */
  readonly gaps: string;
  /** STREAM: what was queued and could not be delivered. */
  readonly deadLetters: string;
}

export interface RuleKeys {
  readonly holder: string;
  readonly replicas: string;
  readonly inbox: string;
  /** HASH: follower → the replica that handles its messages now, and how many of them it was given. */
  readonly lanes: string;
  /** ZSET, score 0: entries of the inbox that were read and are given to no replica, by follower. */
  readonly waiting: string;
  /** ZSET, score = when the first of them came (ms): followers with waiting entries and no replica. */
  readonly ready: string;
  /** HASH: entry of the inbox → tries that failed so far. */
  readonly tries: string;
  /** STREAM: what could not be handled. */
  readonly deadLetters: string;
}

/** The source of the configuration that the coordinators apply: YONEXUS_FOLLOWER_IDENTIFIERS. */
export const COORDINATOR_SOURCE = "coordinator";

/** Characters that a rule may have and that stay as they are in its key. All else is percent-encoded, braces above all. */
const PLAIN = /[^A-Za-z0-9._-]/gu;

function encodeRule(rule: string): string {
  return rule.replace(PLAIN, (character) =>
    Array.from(Buffer.from(character, "utf8"), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
  );
}

export class Keys {
  readonly prefix: string;
  /** ZSET, score 0: every identifier that was ever allowed, in lexical order. An index. */
  readonly followers: string;
  /** SET: the identifiers that the coordinator's configuration named last. An index; those of others are `configuredBy`. */
  readonly configuredFollowers: string;
  /** ZSET, score = when a configuration was last applied, or said to be in use (ms); member = its source. */
  readonly followerSources: string;
  /** ZSET, score = when the follower's liveness is due to be judged (ms). An index. */
  readonly liveness: string;
  /** ZSET, score = when the pairing expires (ms); member `identifier fingerprint`. An index. */
  readonly pendingPairings: string;
  /** ZSET, score = when the node's lease lapses (ms). An index. */
  readonly nodes: string;
  /** ZSET, score = when the coordinator's lease lapses (ms). */
  readonly coordinators: string;
  /** ZSET, score 0: every rule that was ever held. An index. */
  readonly rules: string;
  /** ZSET, score = when the queue must be looked at (ms); member = identifier. An index. */
  readonly queues: string;
  /** SET: `rule <rule>` and `follower <identifier>` of those that may have dead letters. An index. */
  readonly deadLetterPlaces: string;
  /** STRING: the version of this key space; a process of another one refuses to start. */
  readonly schemaVersion: string;
  /** HASH: hash of a one-time link's token → when it ends, whether it was used, who asked for it. */
  readonly consoleLinks: string;
  /** HASH: hash of a session's token → when it ends, and whose it is. In the slot of the links. */
  readonly consoleSessions: string;
  /** STREAM: who signed in to the console, and what was decided there. In the slot of the links. */
  readonly consoleAudit: string;
  /** ZSET, score = until when (ms): where coordinators serve the console. */
  readonly consolePlaces: string;
  /** Pub/sub: status changes of followers as JSON. */
  readonly events: string;
  /** What a node's channel begins with: scripts append the node's id. */
  readonly nodeChannelPrefix: string;
  /** The prefix of BullMQ's own keys: a hash tag, so that its scripts work on a Redis Cluster. */
  readonly queuePrefix: string;

  constructor(prefix: string) {
    this.prefix = prefix;
    this.followers = `${prefix}:followers`;
    this.configuredFollowers = `${prefix}:followers:configured`;
    this.followerSources = `${prefix}:followers:sources`;
    this.liveness = `${prefix}:liveness`;
    this.pendingPairings = `${prefix}:pairings`;
    this.nodes = `${prefix}:nodes`;
    this.coordinators = `${prefix}:coordinators`;
    this.rules = `${prefix}:rules`;
    this.queues = `${prefix}:queues`;
    this.deadLetterPlaces = `${prefix}:deadLetters`;
    this.schemaVersion = `${prefix}:schema`;
    this.consoleLinks = `${prefix}:console:{access}:links`;
    this.consoleSessions = `${prefix}:console:{access}:sessions`;
    this.consoleAudit = `${prefix}:console:{access}:audit`;
    this.consolePlaces = `${prefix}:console:places`;
    this.events = `${prefix}:events`;
    this.nodeChannelPrefix = `${prefix}:to:`;
    this.queuePrefix = `{${prefix}:jobs}`;
  }

  follower(identifier: string): FollowerKeys {
    const base = `${this.prefix}:{${identifier}}`;
    return {
      trust: `${base}:trust`,
      session: `${base}:session`,
      proofs: `${base}:proofs`,
      pairings: `${base}:pairings`,
      notices: `${base}:notices`,
      audit: `${base}:audit`,
      takeovers: `${base}:takeovers`,
      queue: `${base}:queue`,
      queueDue: `${base}:queueDue`,
      messages: `${base}:messages`,
      settled: `${base}:settled`,
      gaps: `${base}:gaps`,
      deadLetters: `${base}:deadLetters`,
    };
  }

  /** SET: the identifiers that a configuration named last. An index. @param source whose configuration it is. */
  configuredBy(source: string): string {
    return source === COORDINATOR_SOURCE ? this.configuredFollowers : `${this.configuredFollowers}:${source}`;
  }

  /** HASH: one pending pairing of an identifier and a public key. */
  pairing(identifier: string, fingerprint: string): string {
    return `${this.prefix}:{${identifier}}:pairing:${fingerprint}`;
  }

  /** STRING counter: failed proofs of an identifier from a source address. */
  attempts(identifier: string, address: string): string {
    return `${this.prefix}:{${identifier}}:attempts:${address}`;
  }

  rule(rule: string): RuleKeys {
    const base = `${this.prefix}:rule:{${encodeRule(rule)}}`;
    return {
      holder: `${base}:holder`,
      replicas: `${base}:replicas`,
      inbox: `${base}:inbox`,
      lanes: `${base}:lanes`,
      waiting: `${base}:waiting`,
      ready: `${base}:ready`,
      tries: `${base}:tries`,
      deadLetters: `${base}:deadLetters`,
    };
  }

  /** HASH: ids of the last messages that a follower sent to a rule with an id of its own, to know one that comes again. */
  seen(rule: string, identifier: string): string {
    return `${this.prefix}:rule:{${encodeRule(rule)}}:seen:${identifier}`;
  }

  /** STRING: the identifier that a message with an id of the sender's own was queued for. An index. */
  messageIndex(messageId: string): string {
    return `${this.prefix}:message:${messageId}`;
  }

  /** STRING with a TTL: the ids of a live coordinator's master keys, by commas. */
  coordinatorKeyIds(coordinatorId: string): string {
    return `${this.prefix}:coordinator:${coordinatorId}:keyIds`;
  }

  /** HASH with a TTL: a node's lease. It is alive while this key exists. */
  node(nodeId: string): string {
    return `${this.prefix}:node:${nodeId}`;
  }

  /** SET: identifiers whose session the node claimed. An index, for the sweep of a dead node. */
  nodeSessions(nodeId: string): string {
    return `${this.prefix}:node:${nodeId}:sessions`;
  }

  /** STRING: when a sweep last ran (ms). */
  sweptAt(sweep: string): string {
    return `${this.prefix}:swept:${sweep}`;
  }

  /** STRING that lives for seconds: a signed request of Discord that was heard. @param interactionId Discord's own. */
  interaction(interactionId: string): string {
    return `${this.prefix}:interaction:${interactionId}`;
  }

  /** STRING that lives for seconds: whether Redis takes a write. @param token random. */
  trial(token: string): string {
    return `${this.prefix}:trial:${token}`;
  }

  /** Pub/sub: what a node is told. */
  nodeChannel(nodeId: string): string {
    return `${this.nodeChannelPrefix}${nodeId}`;
  }

  /** Pub/sub: what a sender's process is told about its messages. */
  replyChannel(senderId: string): string {
    return `${this.prefix}:reply:${senderId}`;
  }
}
