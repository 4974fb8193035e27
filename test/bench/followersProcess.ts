import { openRedis, type RedisConnection, whenReady } from "@yonexus/protocol/redis";
import { backoffMs } from "../../protocol/client/backoff.ts";
import { type ArrivalSummary, Arrivals, messageContent, messageText } from "./arrivals.ts";
import { serveCommands } from "./childProcess.ts";
import { type Client, ConnectionPool, type Exchange, type OpeningSummary } from "./connectionPool.ts";
import type { Outgoing } from "./followerSocket.ts";
import { authRequestOf, helloOf, type Identity, pairIdentities } from "./identities.ts";
import { outgoing } from "./leanSocket.ts";
import { nowUs, pauseMs } from "./monotonicClock.ts";
import { atRate, inLanes } from "./pace.ts";
import type { FollowerProtocol } from "./peers/followerProtocol.ts";
import { PEER_FOLLOWERS, type Peer } from "./peers/peerFollowers.ts";
import { ackingReader, plainReader } from "./readers.ts";

/** The load generator: all followers of a measurement, in one process of their own. */
let identities: readonly Identity[] = [];
let arrivals = new Arrivals(0);
let prepared: readonly Exchange[] | undefined;
let acks = false;
/** Of the node, of the bare server beside it, and of those that others made. */
export type System = "yonexus" | "bare" | Peer;
const pools = new Map<System, ConnectionPool>();
/** As the follower library has it unless told. */
const BACKOFF = { minMs: 500, maxMs: 30_000 };

interface Opening {
  readonly url: string;
  /** The first of the identities. */
  readonly from: number;
  readonly count: number;
  readonly atATime: number;
  /** The lean one unless told. */
  readonly client?: Client;
}

function poolOf(system: System): ConnectionPool {
  const pool = pools.get(system) ?? new ConnectionPool();
  pools.set(system, pool);
  return pool;
}

function readerOf(system: System, take: (content: string) => void, send: (answer: Outgoing) => void) {
  if (system === "yonexus") return acks ? ackingReader(take, send) : plainReader(take);
  return system === "bare" ? plainReader(take) : PEER_FOLLOWERS[system].reader(take, send);
}

function handshakeOf(identity: Identity | undefined): Exchange {
  if (identity === undefined) throw new Error("There are fewer identities than asked for: pair more.");
  return [
    { outgoing: helloOf(identity, acks ? ["ack"] : []), answer: "auth_required" },
    { outgoing: authRequestOf(identity), answer: "auth_success" },
  ];
}

function takeExchanges({ from, count }: Opening): readonly Exchange[] {
  const exchanges = prepared ?? identities.slice(from, from + count).map(handshakeOf);
  prepared = undefined;
  return exchanges;
}

const commands = {
  async pair(asked: { redisUrl: string; keyPrefix: string; count: number }): Promise<void> {
    identities = await pairIdentities(asked.redisUrl, asked.keyPrefix, asked.count);
  },

  /** From now on followers ask for acknowledged delivery, and give what it asks of them. */
  acknowledge(): void {
    acks = true;
  },

  /** Signs the proofs of the next handshakes: they are fresh for 10 s. */
  prepare(asked: { from: number; count: number }): void {
    prepared = identities.slice(asked.from, asked.from + asked.count).map(handshakeOf);
  },

  /** Opens sessions, with the prepared proofs when there are any. */
  async openSessions(asked: Opening): Promise<OpeningSummary> {
    return poolOf("yonexus").openAll(() => asked.url, takeExchanges(asked), asked);
  },

  /** The same connections and frames to the bare server. @param steps 2 for a handshake's round trips, 1 for one. */
  async openBare(asked: Opening & { readonly steps: number }): Promise<OpeningSummary> {
    const exchanges = takeExchanges(asked).map((exchange) => exchange.slice(0, asked.steps));
    return poolOf("bare").openAll((index) => `${asked.url}/${index}`, exchanges, asked);
  },

  /** As the followers of another system, the first of which is follower 0. */
  async openPeer({ peer, url, count }: { peer: Peer; url: string; count: number }): Promise<OpeningSummary> {
    const { path, exchange, subprotocol } = PEER_FOLLOWERS[peer] as FollowerProtocol;
    const exchanges = Array.from({ length: count }, (_, index) => exchange(index));
    const how = { from: 0, atATime: 16, ...(subprotocol === undefined ? {} : { subprotocol }) };
    return poolOf(peer).openAll((index) => url + path(index), exchanges, how);
  },

  async release(system: System): Promise<void> {
    await poolOf(system).release();
  },

  /** Takes down the messages 0 to count-1 from now on; message n is for the follower n modulo `followers`. */
  expectMessages(asked: { system: System; count: number; followers: number }): void {
    const taken = new Arrivals(asked.count);
    arrivals = taken;
    const pool = poolOf(asked.system);
    const readers = Array.from({ length: asked.followers }, (_, index) => {
      const take = (content: string) => taken.note(content, (sequence) => sequence % asked.followers === index);
      return readerOf(asked.system, take, (answer) => pool.send(index, answer));
    });
    pool.onMessage = (index, payload) => readers[index]?.(payload);
  },

  async arrivals({ expected, quietMs }: { expected: number; quietMs: number }): Promise<ArrivalSummary> {
    return arrivals.summary(expected, quietMs);
  },

  /** All at once: what the node does not take yet waits in the sockets. Answers when the first was sent. */
  flood(asked: { count: number; followers: number }): number {
    const firstUs = nowUs();
    for (let index = 0; index < asked.followers; index++) {
      const frames: Buffer[] = [];
      for (let sequence = index; sequence < asked.count; sequence += asked.followers) {
        frames.push(outgoing(messageText(sequence, firstUs)).frame);
      }
      poolOf("yonexus").send(index, { text: "", frame: Buffer.concat(frames) });
    }
    return firstUs;
  },

  async sendPaced(asked: { count: number; followers: number; perSecond: number }): Promise<void> {
    await atRate(asked.count, asked.perSecond, (sequence, dueUs) =>
      poolOf("yonexus").send(sequence % asked.followers, outgoing(messageText(sequence, dueUs))),
    );
  },

  /** The bare inbox: XADD and nothing before it. */
  async append(asked: {
    redisUrl: string;
    stream: string;
    count: number;
    atATime: number;
    perSecond?: number;
  }): Promise<number> {
    const redis: RedisConnection = openRedis(asked.redisUrl, "commands");
    redis.on("error", () => undefined);
    await whenReady(redis);
    const firstUs = nowUs();
    const append = async (sequence: number, dueUs: number): Promise<void> => {
      await redis.xadd(asked.stream, "*", "from", `follower-0`, "content", messageContent(sequence, dueUs));
    };
    if (asked.perSecond === undefined) await inLanes(asked.count, asked.atATime, (n) => append(n, firstUs));
    else await atRate(asked.count, asked.perSecond, append);
    redis.disconnect();
    return firstUs;
  },

  /** From now on a follower that loses its session comes back to this address, with full jitter, until it has one. */
  async comeBack(asked: {
    url: string;
    count: number;
    timeoutMs: number;
  }): Promise<{ backUs: number[]; refused: number }> {
    const backUs: number[] = [];
    let refused = 0;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, asked.timeoutMs);
      const reconnect = async (index: number): Promise<void> => {
        for (let attempt = 0; ; attempt++) {
          await pauseMs(backoffMs(BACKOFF, attempt, Math.random()));
          try {
            await poolOf("yonexus").open(asked.url, index, handshakeOf(identities[index]));
            break;
          } catch {
            refused += 1;
          }
        }
        backUs.push(nowUs());
        if (backUs.length < asked.count) return;
        clearTimeout(timer);
        resolve();
      };
      poolOf("yonexus").onLost = (index) => void reconnect(index);
    });
    return { backUs, refused };
  },

  sessions: (): number => poolOf("yonexus").size,
};
export type FollowersCommands = typeof commands;

serveCommands(commands);
