import { randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import { loadConfig } from "@yonexus/protocol/config";
import { createLogger } from "@yonexus/protocol/log";
import {
  FollowerDirectory,
  Keyring,
  Keys,
  LivenessIndex,
  NodeStore,
  type NoticeJob,
  noticeJobOptions,
  type OpenedPairing,
  openRedis,
  PAIRING_LIMITS,
  PairingStore,
  type RedisConnection,
  RuleStore,
  redisNow,
  SessionStore,
  Subscription,
  TrustStore,
  whenReady,
} from "@yonexus/protocol/redis";
import { keyFingerprint } from "@yonexus/protocol/wire";
import { compose } from "../../coordinator/compose.ts";
import type { RunningCoordinator } from "../../coordinator/main.ts";
import { openQueues, type Queues } from "../../coordinator/queues.ts";
import { TUNING, type Tuning } from "../../coordinator/tuning.ts";
import { waitFor } from "../support/waitFor.ts";

export const BOT_TOKEN = "bot-token-that-must-not-leak";
export const ADMIN = "123456789012345678";
const UNSTABLE_AFTER_MS = 400;
export const OFFLINE_AFTER_MS = 900;
const DAY_MS = 86_400_000;

/** Shorter than in operation, so that what they lead to can be waited for. */
const SHORT: Tuning = {
  ...TUNING,
  lockMs: 1_000,
  stalledCheckMs: 300,
  scheduleCheckMs: 100,
  discordTimeoutMs: 300,
  noticeBackoff: { baseMs: 50, capMs: 100 },
};

export interface OpenPairing {
  readonly job: NoticeJob & { readonly kind: "pairing" };
  readonly waiterNode: string;
}

interface NoticeJobState {
  readonly state: string;
  readonly tries: number | undefined;
  readonly reason: string | undefined;
}

/** A cluster of coordinators on one Redis, and the stores by which nodes would write there. */
export class CoordinatorFixture {
  readonly keys: Keys;
  readonly commands: RedisConnection;
  readonly nodes: NodeStore;
  readonly sessions: SessionStore;
  readonly index: LivenessIndex;
  readonly trust: TrustStore;
  readonly pairings: PairingStore;
  readonly rules: RuleStore;
  readonly followers: FollowerDirectory;
  readonly queues: Queues;
  /** Lines of the log, of all the coordinators. */
  readonly logLines: string[] = [];
  /** What was printed on the terminal. */
  terminalText = "";
  readonly #url: string;
  readonly #masterKey = randomBytes(32).toString("base64");
  readonly #producer: RedisConnection;
  readonly #subscriber: RedisConnection;
  readonly #terminal = new PassThrough();
  readonly #running: RunningCoordinator[] = [];

  private constructor(url: string, ttlMs: number) {
    this.#url = url;
    this.keys = new Keys(`t${randomBytes(4).toString("hex")}`);
    this.commands = openRedis(url, "commands");
    this.#producer = openRedis(url, "producer");
    this.#subscriber = openRedis(url, "subscriber");
    const keyring = new Keyring([Buffer.from(this.#masterKey, "base64")]);
    this.nodes = new NodeStore(this.commands, this.keys);
    this.sessions = new SessionStore(this.commands, this.keys);
    this.index = new LivenessIndex(this.commands, this.keys);
    this.trust = new TrustStore(this.commands, this.keys, keyring);
    this.pairings = new PairingStore(this.commands, this.keys, keyring, { ...PAIRING_LIMITS, ttlMs });
    this.rules = new RuleStore(this.commands, this.keys);
    this.followers = new FollowerDirectory(this.commands, this.keys);
    this.queues = openQueues(this.#producer, this.keys, () => undefined);
    this.#terminal.on("data", (chunk: Buffer) => {
      this.terminalText += chunk.toString("utf8");
    });
  }

  static async open(url: string, ttlMs = PAIRING_LIMITS.ttlMs): Promise<CoordinatorFixture> {
    const fixture = new CoordinatorFixture(url, ttlMs);
    const connections = [fixture.commands, fixture.#producer, fixture.#subscriber];
    for (const connection of connections) connection.on("error", () => undefined);
    await Promise.all(connections.map(whenReady));
    return fixture;
  }

  /** @param env settings beyond Redis, the master key and short times. */
  async start(
    env: Readonly<Record<string, string>> = {},
    tuning: Partial<Tuning> = {},
    json = false,
  ): Promise<RunningCoordinator> {
    const config = loadConfig({
      env: {
        REDIS_URL: this.#url,
        YONEXUS_KEY_PREFIX: this.keys.prefix,
        YONEXUS_MASTER_KEY: this.#masterKey,
        YONEXUS_NODE_NAME: "coordinator",
        YONEXUS_UNSTABLE_AFTER_MS: String(UNSTABLE_AFTER_MS),
        YONEXUS_OFFLINE_AFTER_MS: String(OFFLINE_AFTER_MS),
        YONEXUS_SWEEP_INTERVAL_MS: "100",
        ...env,
      },
    });
    const logger = createLogger("debug", "coordinator", { write: (line) => void this.logLines.push(line) });
    const coordinator = await compose(config, { logger, terminal: this.#terminal, json }, { ...SHORT, ...tuning });
    this.#running.push(coordinator);
    return coordinator;
  }

  /** Settings that send the notices to a recorder. */
  discord(url: string): Record<string, string> {
    return { YONEXUS_NOTIFY_BOT_TOKEN: BOT_TOKEN, YONEXUS_ADMIN_USER_ID: ADMIN, YONEXUS_DISCORD_API_URL: url };
  }

  async close(): Promise<void> {
    await Promise.all(this.#running.map(async (coordinator) => coordinator.stop()));
    for (const connection of [this.commands, this.#producer, this.#subscriber]) connection.disconnect();
  }

  /** Everything published on a channel from now on. */
  async listen(channel: string): Promise<string[]> {
    const texts: string[] = [];
    await Subscription.open(this.#subscriber, channel, (text) => texts.push(text));
    return texts;
  }

  async renewNode(nodeId: string, leaseMs = DAY_MS): Promise<void> {
    await this.nodes.renew(nodeId, {
      name: nodeId,
      url: "ws://127.0.0.1:1",
      pid: 1,
      version: "0",
      startedAt: 0,
      sessions: 0,
      draining: false,
      leaseMs,
    });
  }

  /** Opens a pairing as a node does, without its job. */
  async openPairing(identifier: string, waiterNode = "node-a"): Promise<OpenPairing> {
    await this.trust.allow([identifier]);
    const key = randomBytes(32);
    const fingerprint = keyFingerprint(key);
    const waiter = { nodeId: waiterNode, connectionId: `to-${identifier}`, address: "203.0.113.7" };
    const opened: OpenedPairing = await this.pairings.open(identifier, key.toString("base64"), fingerprint, waiter);
    if (opened.outcome !== "opened") throw new Error(`The pairing was not opened: ${opened.outcome}`);
    return { waiterNode, job: { kind: "pairing", identifier, fingerprint, pairingId: opened.pairingId } };
  }

  async addNotice(job: NoticeJob): Promise<void> {
    await this.queues.notices.add(job.kind, job, noticeJobOptions(job, await redisNow(this.commands)));
  }

  async noticeJob({ job }: OpenPairing): Promise<NoticeJobState> {
    // The state first: read after the fields, it could be newer than they are.
    const state = await this.queues.notices.getJobState(job.pairingId);
    const found = await this.queues.notices.getJob(job.pairingId);
    return { state, tries: found?.attemptsMade, reason: found?.failedReason };
  }

  async noticeEnded(pairing: OpenPairing, state: "completed" | "failed"): Promise<NoticeJobState> {
    return waitFor(`the notice of ${pairing.job.identifier} to be ${state}`, async () => {
      const now = await this.noticeJob(pairing);
      return now.state === state && now;
    });
  }

  async codeOf({ job }: OpenPairing): Promise<string> {
    const notice = await this.pairings.notice(job.identifier, job.fingerprint, job.pairingId);
    if (notice === undefined) throw new Error("The pairing is over, or the operator was told already.");
    return notice.code;
  }

  /** Pairs the follower and opens its session on the node, in the order in which a node does. */
  async goOnline(identifier: string, nodeId: string): Promise<number> {
    const pairing = await this.openPairing(identifier);
    const { fingerprint } = pairing.job;
    const sealed = this.trust.sealSecret(identifier, "secret");
    const paired = await this.pairings.confirm(identifier, fingerprint, await this.codeOf(pairing), sealed);
    if (paired.outcome !== "paired") throw new Error(`Not paired: ${paired.outcome}`);
    const now = await redisNow(this.commands);
    await this.nodes.addSession(nodeId, identifier);
    await this.index.postpone(identifier, now + UNSTABLE_AFTER_MS + 1);
    const claimed = await this.sessions.claim({
      identifier,
      nodeId,
      connectionId: `of-${identifier}`,
      nonce: randomBytes(18).toString("base64url"),
      proofTimestamp: Math.floor(now / 1000),
      trustVersion: paired.trustVersion,
      address: "203.0.113.7",
    });
    if (claimed.outcome !== "claimed") throw new Error(`Not claimed: ${claimed.outcome}`);
    return claimed.epoch;
  }

  /** As if the follower had been silent for so long, and no sweep had come by. */
  async silence(identifier: string, silentMs: number): Promise<void> {
    const heartbeatAt = (await redisNow(this.commands)) - silentMs;
    await this.commands.hset(this.keys.follower(identifier).session, "lastHeartbeatAt", heartbeatAt);
    await this.commands.zadd(this.keys.liveness, heartbeatAt + UNSTABLE_AFTER_MS + 1, identifier);
  }

  /** The events of the follower's audit since it came online, oldest first. */
  async edges(identifier: string): Promise<string[]> {
    const entries = await this.followers.audit(identifier, 100);
    const events = entries.reverse().map(({ event, details }) => `${event} ${details.reason ?? ""}`.trim());
    return events.slice(events.indexOf("online authenticated") + 1);
  }

  /** How often the schedule made a job. */
  async iterations(sweep: string): Promise<number> {
    return (await this.queues.sweeps.getJobScheduler(sweep))?.iterationCount ?? 0;
  }

  /** Waits for three more jobs of the liveness sweep; a schedule that has lost its next run is mended when that is 30 s late. */
  async sweepsGoOn(): Promise<void> {
    const before = await waitFor("Redis to be back", async () => this.iterations("liveness"));
    try {
      await waitFor("further sweeps", async () => (await this.iterations("liveness")) >= before + 3, 45_000);
    } catch (error) {
      const seen = await this.#jobs().catch(String);
      throw new Error(`${String(error)}: ${seen}\n${this.logLines.slice(-20).join("")}`, { cause: error });
    }
  }

  async #jobs(): Promise<string> {
    const schedules = await this.queues.sweeps.getJobSchedulers();
    const jobs = await this.queues.sweeps.getJobs(["active", "waiting", "delayed"]);
    return JSON.stringify({
      at: Date.now(),
      schedules,
      jobs: jobs.map(({ id, processedOn }) => ({ id, processedOn })),
    });
  }

  /** The log's entries, parsed. */
  logged(message: string): Record<string, unknown>[] {
    return this.logLines
      .map((line): Record<string, unknown> => JSON.parse(line))
      .filter((entry) => String(entry.msg).includes(message));
  }
}

export function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}
