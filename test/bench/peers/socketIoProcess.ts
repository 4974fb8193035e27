import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { BENCH_RULE } from "../arrivals.ts";
import { serveCommands } from "../childProcess.ts";
import { type Sending, type Sent, sendAll } from "../sending.ts";
import { addressOf } from "./followerProtocol.ts";

/** A Socket.IO server on Redis: one that holds followers, or one that only sends, each in a process of its own. */
export type SocketIoAdapter = "redisAdapter" | "shardedAdapter" | "streamsAdapter";

/** What an emit makes of the Redis client. */
const PUBLISHING = ["publish", "spublish", "xadd"] as const;

let io: Server | undefined;
/** The answer of Redis to the last of these commands: an emit itself answers nothing. */
let lastPublished: Promise<unknown> = Promise.resolve();

/** As the adapters expect it (RESP 2), and pipelined by itself as the other systems' connections are. */
async function connect(redisUrl: string): Promise<Redis> {
  const options = {
    protocol: 2,
    replyMapping: "legacy",
    enableAutoPipelining: true,
    maxRetriesPerRequest: null,
  } as const;
  const redis = new Redis(redisUrl, options);
  redis.on("error", () => undefined);
  await once(redis, "ready");
  return redis;
}

function noteAnswers(redis: Redis): void {
  for (const name of PUBLISHING) {
    const publish = redis[name].bind(redis) as (...words: unknown[]) => Promise<unknown>;
    const noting = (...words: unknown[]): Promise<unknown> => {
      lastPublished = publish(...words);
      return lastPublished;
    };
    Object.assign(redis, { [name]: noting });
  }
}

async function adapterOf(kind: SocketIoAdapter, redisUrl: string) {
  const redis = await connect(redisUrl);
  noteAnswers(redis);
  // Each beside the others on one Redis, in a name space of its own.
  const name = `peer-${kind}`;
  switch (kind) {
    case "redisAdapter":
      return createAdapter(redis, await connect(redisUrl), { key: name });
    case "shardedAdapter":
      return createShardedAdapter(redis, await connect(redisUrl), { channelPrefix: name });
    case "streamsAdapter":
      return createStreamsAdapter(redis, { streamName: name, channelPrefix: name });
  }
}

const commands = {
  /** Attaches to the others through Redis. */
  async open({ adapter, redisUrl }: { adapter: SocketIoAdapter; redisUrl: string }): Promise<void> {
    io = new Server({
      adapter: await adapterOf(adapter, redisUrl),
      transports: ["websocket"],
      perMessageDeflate: false,
      serveClient: false,
      // No heartbeat falls into what is measured, as none of the other systems' does.
      pingInterval: 3_600_000,
    });
    io.on("connection", (socket) => {
      const { name } = socket.handshake.query;
      if (typeof name === "string") void socket.join(name);
    });
  },

  /** Takes followers; the one named in the address has the room of that name. */
  async listen(): Promise<{ url: string }> {
    const server = createServer();
    io?.attach(server);
    server.listen(0, "127.0.0.1", 4_096);
    await once(server, "listening");
    return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
  },

  async send(sending: Sending): Promise<Sent> {
    return sendAll(sending, async (follower, text) => {
      io?.to(addressOf(follower)).emit(BENCH_RULE, text.slice(BENCH_RULE.length + 2));
      await lastPublished;
      return "published";
    });
  },
};
export type SocketIoCommands = typeof commands;

serveCommands(commands);
