import { randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";
import { SourceAddresses } from "@yonexus/protocol/admin";
import { type Config, nodeCertificateFiles, readRedisTls } from "@yonexus/protocol/config";
import {
  AttemptStore,
  allReady,
  closeConnections,
  ensureSchemaVersion,
  Keyring,
  Keys,
  LivenessIndex,
  MessageQueue,
  NodeStore,
  OutageLog,
  openConnections,
  PAIRING_LIMITS,
  PairingStore,
  parseNodeCommand,
  RuleStore,
  SessionStore,
  Subscription,
  TrustStore,
  unlessAborted,
} from "@yonexus/protocol/redis";
import { adminOfNode } from "./adminEndpoints.ts";
import { Admission } from "./admission.ts";
import { ClusterClock } from "./cluster/clusterClock.ts";
import { DoubtfulClaims } from "./cluster/doubtfulClaims.ts";
import { Membership } from "./cluster/membership.ts";
import { Receipts } from "./cluster/receipts.ts";
import { Reconciler } from "./cluster/reconciler.ts";
import { SessionIndex } from "./cluster/sessionIndex.ts";
import { NODE_CONNECTIONS } from "./connections.ts";
import { drainConnections } from "./drain.ts";
import { KeepAlive } from "./keepAlive.ts";
import type { NodeOptions } from "./main.ts";
import { meteredQueue } from "./metrics/meteredQueue.ts";
import { NodeMetrics } from "./metrics/nodeMetrics.ts";
import { socketsWithinFileLimit } from "./openFileLimit.ts";
import { AllowedOrigins } from "./origins.ts";
import { NodeConnectionServices } from "./services/connectionServices.ts";
import { NoticeProducer } from "./services/noticeProducer.ts";
import { ProofVerifier } from "./services/proofVerifier.ts";
import { Connection } from "./session/connection.ts";
import { SessionManager } from "./sessionManager.ts";
import { TlsCertificate } from "./tlsCertificate.ts";
import { type ServerHandlers, WsServer } from "./wsServer.ts";

/** A node that runs. */
export interface RunningNode {
  /** This incarnation: the name and something random, never used again. */
  readonly nodeId: string;
  /** Where it listens: `ws://host:port`, or `wss://…` when it has a certificate. */
  readonly url: string;
  /** Where its admin port is: `http://host:port`; absent when it has none. */
  readonly adminUrl?: string;
  /** Reads its certificate again, now and not at the next look: new connections get it. */
  reloadCertificate(): void;
  /** Unready, then every follower is told to go elsewhere, then everything is given back. Resolves when all is gone. */
  drain(): Promise<void>;
  /** At once. */
  stop(): Promise<void>;
}

/** What a node needs of the configuration, all of it present. */
export type NodeConfig = Config & { readonly redisUrl: string; readonly masterKeys: readonly Uint8Array[] };

const VERSION = "0.1.0";
/** What a follower is told to wait while the node is not ready (s). */
const RETRY_AFTER_S = 2;

/** Wires a node and starts it. All wiring is here. What was opened is closed when it throws. */
export async function composeNode(config: NodeConfig, { logger, signal }: NodeOptions): Promise<RunningNode> {
  signal?.throwIfAborted();
  const keys = new Keys(config.keyPrefix);
  const nodeId = `${config.nodeName}-${randomBytes(6).toString("base64url").replaceAll(/[-_]/gu, "0")}`;
  const keyring = new Keyring(config.masterKeys);
  const certificateFiles = nodeCertificateFiles(config);
  const certificate =
    certificateFiles === undefined ? undefined : new TlsCertificate({ files: certificateFiles, logger });
  const outages = new OutageLog(logger);
  const connections = openConnections(config.redisUrl, NODE_CONNECTIONS, { tls: readRedisTls(config) }, outages);
  const { commands, subscriber, producer } = connections;
  const metrics = new NodeMetrics();
  metrics.watchRedis(connections, commands);
  try {
    await unlessAborted(signal, allReady(connections));
    await unlessAborted(signal, ensureSchemaVersion(commands, keys));
  } catch (error) {
    closeConnections(connections);
    throw error;
  }
  const background = (work: Promise<unknown>): void => {
    work.catch((error: unknown) =>
      logger.debug({ event: "index_unwritten", err: error }, "an index was not written; the reconciler mends it"),
    );
  };

  const trusts = new TrustStore(commands, keys, keyring);
  const sessions = new SessionStore(commands, keys);
  const nodes = new NodeStore(commands, keys);

  const pairings = new PairingStore(commands, keys, keyring, {
    ...PAIRING_LIMITS,
    ttlMs: config.pairingTtlSeconds * 1000,
  });
  const notices = new NoticeProducer(producer, keys, (error) =>
    logger.debug({ event: "notice_queue_failed", err: error }, "the notice queue failed"),
  );
  const index = new SessionIndex(new LivenessIndex(commands, keys), nodes, nodeId, config.unstableAfterMs, background);
  const receipts = new Receipts(commands, keys, background);
  const queue = new MessageQueue(commands, keys);
  const hub = new SessionManager(
    ({ senderId, identifier, messageId, recorded }, outcome, writeMs) => {
      metrics.delivered(outcome, writeMs);
      receipts.add(senderId, { messageId, outcome });
      // A stale one is routed again: its sender notes where it ends.
      if (!recorded || outcome === "stale") return;
      const state = outcome === "delivered" ? "written" : "overloaded";
      background(queue.noteLive({ identifier, messageId, state, node: nodeId }));
    },
    () => membership.holdsLease,
  );
  const reconciler = new Reconciler(sessions, index, nodeId, () => hub.sessions());
  const files = socketsWithinFileLimit() ?? Number.POSITIVE_INFINITY;
  // Sockets without a request have places of their own; of few files they get few.
  const maxPending = Math.min(config.maxUnauthenticated, Math.ceil(files / 8));
  const maxConnections = Math.max(1, Math.min(config.maxConnections, files - maxPending));
  if (maxConnections < config.maxConnections) {
    logger.warn(
      { event: "connections_limited", maxConnections, configured: config.maxConnections },
      "the open-file limit allows fewer connections than configured: raise it with ulimit -n",
    );
  }
  const admission = new Admission({ ...config, maxConnections }, performance.now());
  const addresses = new SourceAddresses(config.trustedProxies);
  const origins = new AllowedOrigins(config.allowedOrigins);

  const clock = new ClusterClock();
  const membership: Membership = new Membership(
    commands,
    keys,
    nodes,
    {
      nodeId,
      name: config.nodeName,
      version: VERSION,
      leaseMs: config.leaseMs,
      keyIds: keyring.keyIds,
      certificate: () => certificate?.current.validity,
      sessionCount: () => hub.sessionCount,
      reconcile: async () => reconciler.reconcile(),
      clock,
      work: () => metrics.work.sums,
      onCanary: (ms) => metrics.routed(ms),
      outages,
    },
    logger,
  );

  const doubts = new DoubtfulClaims(sessions, nodeId);
  const services = new NodeConnectionServices({
    nodeId,
    clock,
    hello: { trusts, pairings, notices },
    pairConfirm: { trusts, pairings },
    authRequest: {
      trusts,
      sessions,
      attempts: new AttemptStore(commands, keys),
      verifier: new ProofVerifier(),
      doubts,
      notices,
      index,
      background,
    },
    sessions,
    rules: new RuleStore(commands, keys),
    ruleBacklog: config.ruleBacklog,
    queue: meteredQueue(queue, metrics),
    receipt: (senderId, receipt) => receipts.add(senderId, receipt),
    index,
    hub,
    admission,
    reconciler,
    redisAnswers: () => membership.redisAnswers,
    meter: metrics,
    logger,
  });
  const admit: ServerHandlers["admit"] = (request) => {
    const refusedOrigin = origins.refusal(request);
    if (refusedOrigin !== undefined) return refusedOrigin;
    const [notReady] = membership.unreadiness();
    if (notReady !== undefined) {
      return { status: 503, cause: "not_ready", reason: notReady, retryAfterS: RETRY_AFTER_S };
    }
    const address = addresses.of(request);
    return admission.refusal(address, performance.now(), Math.random()) ?? { address };
  };
  const server = new WsServer(
    {
      host: config.listenHost,
      port: config.listenPort,
      maxFrameBytes: config.maxFrameBytes,
      maxWebSockets: maxConnections,
      pending: { total: maxPending, perAddress: config.maxUnauthenticatedPerAddress },
      certificate: certificate?.current,
    },
    {
      unreadiness: () => membership.unreadiness(),
      addressOf: (socket) => addresses.ofSocket(socket),
      admit: (request) => {
        const admitted = admit(request);
        if ("cause" in admitted) metrics.socketRefused(admitted.cause);
        return admitted;
      },
      accept: (transport, address) => {
        const connectionId = randomBytes(9).toString("base64url");
        const connection = new Connection(connectionId, address, transport, services, config);
        services.began(connection);
        return connection;
      },
    },
  );
  metrics.read({
    pendingSockets: () => server.pendingSockets,
    sockets: () => admission.counts,
    sessions: () => hub.sessionCount,
    isReady: () => membership.unreadiness().length === 0,
    isDraining: () => membership.isDraining,
    holdsLease: () => membership.holdsLease,
  });
  const admin = adminOfNode(config, logger, { unreadiness: () => membership.unreadiness(), metrics });
  let subscription: Subscription | undefined;
  const giveBack = async (): Promise<void> => {
    certificate?.stop();
    doubts.stop();
    await services.settled();
    await membership
      .leave()
      .catch((error: unknown) => logger.debug({ event: "lease_left", err: error }, "the lease was left to lapse"));
    subscription?.close();
    await notices.close();
    metrics.stop();
    closeConnections(connections);
    await admin?.close();
  };

  let url: string;
  let adminUrl: string | undefined;
  try {
    const listening = await server.listen();
    const host = isIPv6(config.listenHost) ? `[${config.listenHost}]` : config.listenHost;
    url = `${certificate === undefined ? "ws" : "wss"}://${host}:${listening}`;
    certificate?.watch((pair) => server.useCertificate(pair));
    const opening = Subscription.open(subscriber, keys.nodeChannel(nodeId), (text) => {
      const command = parseNodeCommand(text);
      if (command === undefined) {
        logger.warn(
          { event: "command_unknown" },
          "a command of an unknown form was ignored: is another version running?",
        );
      } else if (command.kind === "canary") membership.canaryHeard(command.token);
      else hub.handle(command);
    });
    subscription = await unlessAborted(signal, opening);
    await unlessAborted(signal, membership.join(config.publicWsUrl ?? url));
    adminUrl = (await admin?.listen())?.url;
  } catch (error) {
    await server.close();
    await giveBack();
    throw error;
  }
  for (const redis of [commands, subscriber]) redis.on("ready", () => membership.reconnected());
  const keepAlive = new KeepAlive(() => hub.connections(), config.pingIntervalMs);
  logger.info({ event: "node_ready", nodeId, url, adminUrl }, "the node is ready");

  return {
    nodeId,
    url,
    ...(adminUrl === undefined ? {} : { adminUrl }),
    reloadCertificate: () => certificate?.reload(),
    async drain() {
      logger.info({ event: "node_draining", sessions: hub.sessionCount }, "draining");
      await membership
        .drain()
        .catch((error: unknown) =>
          logger.debug({ event: "drain_unannounced", err: error }, "could not announce the drain"),
        );
      await drainConnections(hub.connections(), config.drainWindowMs);
      await untilEmpty(hub);
      keepAlive.stop();
      await server.close();
      await giveBack();
      logger.info({ event: "node_drained" }, "drained");
    },
    async stop() {
      keepAlive.stop();
      for (const connection of [...hub.connections()]) connection.apply({ type: "closeOrdered", reason: "draining" });
      await server.close();
      await giveBack();
    },
  };
}

/** Waits until every socket is gone; each is cut off when it does not close, so this ends. */
async function untilEmpty(hub: SessionManager): Promise<void> {
  while (hub.connectionCount > 0) await new Promise((resolve) => setTimeout(resolve, 20));
}
