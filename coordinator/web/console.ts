import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { AdminError, type AdminServer } from "@yonexus/protocol/admin";
import type { Logger } from "@yonexus/protocol/log";
import {
  type ConnectionRole,
  ConsoleAccess,
  FollowerDirectory,
  type Keys,
  NodeStore,
  PairingStore,
  type RedisConnection,
  RuleStore,
  redisNow,
  StatusChanges,
  unlessAborted,
  whenReady,
} from "@yonexus/protocol/redis";
import { type WebSocket, WebSocketServer } from "ws";
import { Repeater } from "../repeater.ts";
import { addConsoleRoutes } from "./consoleRoutes.ts";
import { Decisions } from "./decisions.ts";
import { Feed } from "./feed.ts";
import { FollowersView } from "./followersView.ts";
import { FollowerView } from "./followerView.ts";
import { CONSOLE_PATH, Gate } from "./gate.ts";
import { LiveHub } from "./liveHub.ts";
import type { ViewRequest } from "./liveMessages.ts";
import { NodeStates } from "./nodeStates.ts";
import { type NoticeCounts, OverviewView } from "./overviewView.ts";
import { readPageFiles } from "./pageFiles.ts";
import { PairingsView } from "./pairingsView.ts";
import { RedisHealth } from "./redisHealth.ts";
import { BEAT_MS, Sampler } from "./sampler.ts";
import { refuseUpgrade } from "./upgradeRefusal.ts";
import type { ViewState } from "./viewState.ts";

export interface ConsoleOptions {
  /** By which browsers reach the admin address. */
  readonly publicUrl: string;
  readonly admin: AdminServer;
  readonly keys: Keys;
  /** Opens a connection of the console's own: what people look at keeps no sweep waiting. It ends it. */
  readonly open: (role: ConnectionRole) => RedisConnection;
  readonly notices: NoticeCounts;
  readonly coordinatorId: string;
  /** Of a coordinator's and of a node's lease (ms). */
  readonly leaseMs: number;
  readonly logger: Logger;
  /** Of what the console reads again by itself. */
  readonly onRedisError: (error: unknown) => void;
  /** Aborted while the console waits for Redis, the start rejects with the signal's reason. */
  readonly signal: AbortSignal | undefined;
}

export interface RunningConsole {
  /** No page is told anything after this; the admin server is closed by its owner. */
  stop(): Promise<void>;
}

/** Status changes that are kept for who opens the feed. */
const FEED_EVENTS = 200;
/** A page says little: what it wants to see. */
const MAX_MESSAGE_BYTES = 1_024;
/** A page that is gone without a word is found by this (ms). */
const PING_MS = 30_000;

/** Puts the operator's console on the admin server. Waits for Redis. */
export async function openConsole(options: ConsoleOptions): Promise<RunningConsole> {
  const { publicUrl, admin, keys, open, coordinatorId, leaseMs, logger, onRedisError, signal } = options;
  const files = await readPageFiles();
  if (files === undefined) {
    logger.warn(
      { event: "console_not_built" },
      "The page of the console is not built: run `npm run build:console` and start this again.",
    );
  }
  const [redis, subscriber] = [open("commands"), open("subscriber")];
  const disconnect = (): void => {
    for (const connection of [redis, subscriber]) connection.disconnect();
  };
  try {
    await unlessAborted(signal, whenReady(redis));
  } catch (error) {
    disconnect();
    throw error;
  }
  const access = new ConsoleAccess(redis, keys);
  const gate = new Gate(access, publicUrl);
  const pairings = new PairingStore(redis, keys);
  const directory = new FollowerDirectory(redis, keys);
  const health = new RedisHealth(redis);
  const feed = new Feed(FEED_EVENTS);
  const overview = new OverviewView({
    ...{ redis, keys, health, notices: options.notices },
    nodes: new NodeStore(redis, keys),
    rules: new RuleStore(redis, keys),
    states: new NodeStates(leaseMs),
  });
  const views = {
    followers: new FollowersView(redis, keys, directory),
    follower: new FollowerView(redis, keys, directory),
    pairings: new PairingsView(pairings, access),
  };
  const hub: LiveHub = new LiveHub(
    {
      view: async (request) => readView(request),
      pulse: async () => {
        const now = await redisNow(redis);
        return { now, pairings: await redis.zcount(keys.pendingPairings, `(${now}`, "+inf") };
      },
      living: async (sessions) => access.living(sessions),
      samples: () => sampler.samples,
      feed,
    },
    onRedisError,
  );
  const sampler: Sampler = new Sampler({
    ...{ redis, health },
    nodes: async () => overview.nodes(),
    statusChanges: () => feed.place,
    onSample: (sample) => hub.sampled(sample),
  });

  async function readView(request: ViewRequest): Promise<ViewState> {
    switch (request.view) {
      case "overview":
        return overview.read();
      case "followers":
        return views.followers.read(request);
      case "follower":
        return views.follower.read(request.identifier);
      case "pairings":
        return views.pairings.read();
      case "feed":
        return { facts: {}, lists: {} };
    }
  }

  addConsoleRoutes(admin, {
    ...{ access, gate, files, coordinatorId, logger, onRedisError },
    decisions: new Decisions(pairings, access),
    onChange: () => hub.changed(),
  });

  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });
  admin.onUpgrade(`${CONSOLE_PATH}live`, (request, socket, head) => {
    void upgrade(request, socket, head);
  });
  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      gate.requireSameOrigin(request.headers);
      const session = await gate.requireSession(request.headers);
      sockets.handleUpgrade(request, socket, head, (webSocket) => hub.add(webSocket, session));
    } catch (error) {
      if (error instanceof AdminError) {
        refuseUpgrade(socket, error.status, error.message);
        return;
      }
      onRedisError(error);
      refuseUpgrade(socket, 503, "Redis does not answer: try again when it does.");
    }
  }
  const unanswered = new WeakSet<WebSocket>();
  const pinging = setInterval(() => pingAll(sockets, unanswered), PING_MS);

  const changes = new StatusChanges(subscriber, keys.events, onRedisError);
  changes
    .listen((change) => {
      feed.add(change);
      hub.fed();
    })
    .catch(onRedisError);
  const announce = async (): Promise<void> => access.announce(publicUrl, leaseMs);
  const repeaters = [
    new Repeater(BEAT_MS, async () => sampler.beat(), onRedisError),
    new Repeater(leaseMs / 3, announce, onRedisError),
  ];
  for (const repeater of repeaters) repeater.start();
  // `yonexus console` is to find it at once.
  await announce().catch(onRedisError);

  return {
    async stop() {
      clearInterval(pinging);
      hub.stop();
      changes.close();
      await Promise.all(repeaters.map(async (repeater) => repeater.stop()));
      for (const socket of sockets.clients) socket.terminate();
      disconnect();
    },
  };
}

/** Ends the sockets that did not answer the ping before this one. */
function pingAll(sockets: WebSocketServer, unanswered: WeakSet<WebSocket>): void {
  for (const socket of sockets.clients) {
    if (unanswered.has(socket)) {
      socket.terminate();
      continue;
    }
    unanswered.add(socket);
    socket.once("pong", () => unanswered.delete(socket));
    socket.ping();
  }
}
