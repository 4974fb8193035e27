import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { AdminServer } from "@yonexus/protocol/admin";
import { type Config, ConfigError, readRedisTls } from "@yonexus/protocol/config";
import type { Logger } from "@yonexus/protocol/log";
import {
  allReady,
  Backlogs,
  COORDINATOR_SOURCE,
  closeConnections,
  ensureSchemaVersion,
  explainConnection,
  explainRefusal,
  Keyring,
  Keys,
  LivenessIndex,
  MessageQueue,
  NodeStore,
  OutageLog,
  openConnections,
  openRedis,
  PairingStore,
  QueueIndex,
  type RedisConnection,
  RuleStore,
  SchemaMismatchError,
  SessionStore,
  TrustStore,
  unlessAborted,
  whenReady,
} from "@yonexus/protocol/redis";
import type { Worker } from "bullmq";
import { adminOfCoordinator } from "./adminEndpoints.ts";
import { COORDINATOR_CONNECTIONS } from "./connections.ts";
import { CoordinatorLease } from "./coordinatorLease.ts";
import type { CoordinatorOptions, RunningCoordinator } from "./main.ts";
import { ClusterLook } from "./metrics/clusterLook.ts";
import { CoordinatorMetrics } from "./metrics/coordinatorMetrics.ts";
import { ConsoleNotifier } from "./notifications/console.ts";
import { DiscordNotifier } from "./notifications/discord.ts";
import type { Notifier } from "./notifications/notifier.ts";
import { openQueues } from "./queues.ts";
import { isRefusal } from "./redisRefusal.ts";
import { Repeater } from "./repeater.ts";
import { ensureSchedule, scheduleOf } from "./schedule.ts";
import { SilenceWatch } from "./silenceWatch.ts";
import { stopWorkers } from "./stopWorker.ts";
import { DeadNodeSweep } from "./sweeps/deadNodeSweep.ts";
import { LivenessSweep } from "./sweeps/livenessSweep.ts";
import { OutageGuard } from "./sweeps/outageGuard.ts";
import { OwnerNodes } from "./sweeps/ownerNodes.ts";
import { QueueSweep } from "./sweeps/queueSweep.ts";
import { RetentionSweep } from "./sweeps/retentionSweep.ts";
import type { Tuning } from "./tuning.ts";
import type { RunningConsole } from "./web/console.ts";
import { consoleOfCoordinator } from "./web/consoleOfCoordinator.ts";
import { hasButtons, serveInteractions } from "./web/interactionsOfCoordinator.ts";
import { NoticesWorker } from "./workers/noticesWorker.ts";
import { RefusalPause } from "./workers/refusalPause.ts";
import { SweepsWorker } from "./workers/sweepsWorker.ts";
import { workerOptions } from "./workers/workerOptions.ts";

/** Records that a sweep reads and changes together. */
const BATCH = 500;

/** Between two tries to prepare Redis at the start (ms). */
const RETRY_MS = 1_000;

/** Puts the parts together and starts them, in the order in which they need each other. */
export async function compose(
  config: Config,
  options: CoordinatorOptions,
  tuning: Tuning,
): Promise<RunningCoordinator> {
  const { redisUrl } = config;
  options.signal?.throwIfAborted();
  if (redisUrl === undefined) throw new ConfigError(["REDIS_URL is not set: it names the Redis of the cluster."]);
  const metrics = new CoordinatorMetrics();
  const admin = adminOfCoordinator(config, options.logger, metrics);
  // First of all: one that waits for Redis is alive, and who looks at its health is not to start it again for that.
  const adminUrl = (await admin?.listen())?.url;
  try {
    return await startParts({ ...config, redisUrl }, options, tuning, { metrics, admin, adminUrl });
  } catch (error) {
    await admin?.close();
    throw error;
  }
}

interface AdminParts {
  readonly metrics: CoordinatorMetrics;
  /** Undefined when it has no admin port. It listens already. */
  readonly admin: AdminServer | undefined;
  readonly adminUrl: string | undefined;
}

async function startParts(
  config: Config & { readonly redisUrl: string },
  options: CoordinatorOptions,
  tuning: Tuning,
  { metrics, admin, adminUrl }: AdminParts,
): Promise<RunningCoordinator> {
  const { logger, signal } = options;
  const { redisUrl } = config;
  const coordinatorId = `${config.nodeName}-${randomBytes(4).toString("hex")}`;
  const keys = new Keys(config.keyPrefix);
  const keyring = new Keyring(config.masterKeys);
  const aborting = new AbortController();
  const notifier = createNotifier(config, options, tuning, aborting.signal);

  const outages = new OutageLog(logger);
  const redisOptions = { tls: readRedisTls(config) };
  const connections = openConnections(redisUrl, COORDINATOR_CONNECTIONS, redisOptions, outages);
  const { commands } = connections;
  try {
    await unlessAborted(signal, allReady(connections));
    await prepareRedis(commands, keys, outages, signal, async () =>
      applyAllowlist(config, new TrustStore(commands, keys), logger),
    );
  } catch (error) {
    closeConnections(connections);
    throw error;
  }

  const sessions = new SessionStore(commands, keys);
  const nodes = new NodeStore(commands, keys);
  const pairings = new PairingStore(commands, keys, keyring);
  const queues = openQueues(connections.producer, keys, (error) => outages.report("producer", error));
  const { leaseMs, unstableAfterMs, offlineAfterMs } = config;
  // No sweep may keep the dead-node sweep waiting for long.
  const limits = { batch: BATCH, budgetMs: Math.min(tuning.sweepBudgetMs, leaseMs / 3) };

  const lease = new CoordinatorLease(commands, keys, { coordinatorId, leaseMs, keyIds: keyring.keyIds });
  const schedule = scheduleOf(config, tuning.retentionEveryMs);
  const reportDebug = (error: unknown): void => {
    logger.debug(
      { event: "redis_unanswered", error: error instanceof Error ? error.message : String(error) },
      "Work with Redis failed; it is tried again.",
    );
  };
  /** Of work that is done again by itself: what Redis refuses, or what is no matter of the connection, only a person can mend. */
  const reportOf =
    (source: string) =>
    (error: unknown): void => {
      const isOfConnection = explainRefusal(error) === undefined && explainConnection(error) !== undefined;
      if (error instanceof Error && !isOfConnection) outages.report(source, error);
      else reportDebug(error);
    };
  const repeaters = [
    new Repeater(leaseMs / 3, async () => lease.renew(), reportOf("lease")),
    new Repeater(
      tuning.scheduleCheckMs,
      async () => {
        const mended = await ensureSchedule(queues.sweeps, schedule, false);
        if (mended.length > 0)
          logger.warn({ event: "schedules_mended", sweeps: mended }, "Schedules were lost and are set up again.");
      },
      reportOf("schedules"),
    ),
  ];
  const silence = new SilenceWatch(commands, outages);
  silence.start();
  try {
    await unlessAborted(signal, lease.renew().catch(reportDebug));
    await unlessAborted(signal, ensureSchedule(queues.sweeps, schedule, true).catch(reportDebug));
  } catch (error) {
    await silence.stop();
    // Aborted: all else was reported.
    if (commands.status === "ready") await lease.release().catch(reportDebug);
    await Promise.allSettled([queues.sweeps.close(), queues.notices.close()]);
    closeConnections(connections);
    throw error;
  }
  for (const repeater of repeaters) repeater.start();

  const watchWorker = (name: string, worker: Worker): RefusalPause => {
    const pause = new RefusalPause(worker, reportDebug);
    worker.on("error", (error) => {
      outages.report(name, error);
      pause.workerError(error);
    });
    return pause;
  };
  metrics.watchRedis(connections, commands);
  const sweepsWorker = new SweepsWorker(
    {
      liveness: new LivenessSweep(
        commands,
        new LivenessIndex(commands, keys),
        sessions,
        new OwnerNodes(commands, keys, sessions, nodes),
        { ...limits, leaseMs, thresholds: { unstableAfterMs, offlineAfterMs } },
      ),
      deadNodes: new DeadNodeSweep(nodes, sessions, new OutageGuard(commands, keys, leaseMs), limits),
      queues: new QueueSweep(commands, new QueueIndex(commands, keys), new MessageQueue(commands, keys), limits),
      retention: new RetentionSweep(
        commands,
        keys,
        { pairings, rules: new RuleStore(commands, keys), trust: new TrustStore(commands, keys) },
        limits,
      ),
    },
    metrics,
    logger,
    aborting.signal,
    workerOptions(connections.sweeps, keys.queuePrefix, tuning),
  );
  const noticesWorker = new NoticesWorker(
    {
      redis: commands,
      pairings,
      notifier,
      queue: queues.notices,
      meter: metrics,
      logger,
      backoff: tuning.noticeBackoff,
    },
    workerOptions(connections.notices, keys.queuePrefix, tuning),
  );
  const pauses = [watchWorker("sweeps", sweepsWorker.worker), watchWorker("notices", noticesWorker.worker)];
  serveInteractions(config, { admin, redis: commands, keys, pairings, logger });
  const look = new ClusterLook(
    { redis: commands, keys, nodes, backlogs: new Backlogs(commands, keys), queues },
    reportOf("cluster metrics"),
  );
  metrics.tellCluster(look);
  if (admin !== undefined) {
    metrics.start();
    look.start();
  }
  let operatorConsole: RunningConsole | undefined;

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    const workers = [sweepsWorker.worker, noticesWorker.worker];
    const redisAnswers = commands.status === "ready";
    for (const pause of pauses) pause.stop();
    await operatorConsole?.stop();
    // Before Redis is left: what comes now is another coordinator's to answer.
    await admin?.close();
    metrics.stop();
    await look.stop();
    await Promise.all([silence, ...repeaters].map(async (repeated) => repeated.stop()));
    await stopWorkers(workers, () => aborting.abort(), tuning.stopGraceMs, redisAnswers);
    aborting.abort();
    if (redisAnswers) await lease.release().catch(reportDebug);
    await Promise.allSettled([queues.sweeps.close(), queues.notices.close()]);
    closeConnections(connections);
    logger.info({ event: "coordinator_stopped", coordinatorId }, "The coordinator stopped.");
  };
  try {
    operatorConsole = await consoleOfCoordinator(config, {
      ...{ admin, keys, coordinatorId, logger, signal, notices: queues.notices },
      onRedisError: reportOf("console"),
      open: (role) => {
        const connection = openRedis(redisUrl, role, redisOptions);
        outages.watch(connection);
        return connection;
      },
    });
  } catch (error) {
    await stop();
    throw error;
  }
  logger.info(
    { event: "coordinator_ready", coordinatorId, notifier: config.notifier, adminUrl },
    "The coordinator runs.",
  );
  return {
    coordinatorId,
    ...(adminUrl === undefined ? {} : { adminUrl }),
    stop: async () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** Redis may go away, or take no writes, at any moment of the start: then all of it is done again. */
async function prepareRedis(
  redis: RedisConnection,
  keys: Keys,
  outages: OutageLog,
  signal: AbortSignal | undefined,
  prepare: () => Promise<void>,
): Promise<void> {
  for (;;) {
    try {
      await unlessAborted(signal, ensureSchemaVersion(redis, keys));
      await unlessAborted(signal, prepare());
      return;
    } catch (error) {
      if (signal?.aborted || error instanceof SchemaMismatchError || isRefusal(error) || !(error instanceof Error)) {
        throw error;
      }
      outages.report("start", error);
      await unlessAborted(signal, sleep(RETRY_MS, undefined, signal === undefined ? {} : { signal }));
      await unlessAborted(signal, whenReady(redis));
    }
  }
}

async function applyAllowlist(config: Config, trust: TrustStore, logger: Logger): Promise<void> {
  if (config.followerIdentifiers.length === 0) return;
  const { added, removed } = await trust.applyConfigured(config.followerIdentifiers, COORDINATOR_SOURCE);
  if (added.length > 0 || removed.length > 0)
    logger.info({ event: "allowlist_applied", added, removed }, "The allowlist follows the configuration.");
}

function createNotifier(config: Config, options: CoordinatorOptions, tuning: Tuning, signal: AbortSignal): Notifier {
  const { notifyBotToken: botToken, adminUserId, discordApiUrl: apiUrl } = config;
  if (config.notifier === "console") {
    if (adminUserId !== undefined && botToken === undefined)
      options.logger.warn(
        { event: "bot_token_missing" },
        "YONEXUS_ADMIN_USER_ID is set, and there is no bot token: pairing codes are printed here and not sent. Set YONEXUS_NOTIFY_BOT_TOKEN or YONEXUS_NOTIFY_BOT_TOKEN_FILE.",
      );
    return new ConsoleNotifier(options.terminal, options.json);
  }
  if (botToken === undefined || adminUserId === undefined) {
    throw new ConfigError([
      "The discord notifier needs YONEXUS_NOTIFY_BOT_TOKEN and YONEXUS_ADMIN_USER_ID: set both, or set YONEXUS_NOTIFIER to console.",
    ]);
  }
  const timeoutMs = tuning.discordTimeoutMs;
  return new DiscordNotifier({ apiUrl, botToken, adminUserId, buttons: hasButtons(config), timeoutMs, signal });
}
