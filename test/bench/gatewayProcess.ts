import { Keys, MessageSender, openRedis, type RedisConnection, RuleConsumer, whenReady } from "@yonexus/protocol/redis";
import { type ArrivalSummary, Arrivals, BENCH_RULE, messageText } from "./arrivals.ts";
import { serveCommands } from "./childProcess.ts";
import { nowUs } from "./monotonicClock.ts";
import { atRate, inLanes } from "./pace.ts";

/** What a process beside the nodes does: sends to followers and handles what they send, with nothing but Redis. */
interface Opened {
  readonly redisUrl: string;
  readonly redis: RedisConnection;
  readonly keys: Keys;
  readonly sender: MessageSender;
}

export interface Sending {
  /** By a channel: the bare way, which hears of no receipt. */
  readonly bareChannel?: string;
  readonly count: number;
  readonly followers: number;
  /** As many unanswered at a time, or as many a second. */
  readonly atATime?: number;
  readonly perSecond?: number;
}

export interface Sent {
  readonly firstUs: number;
  /** How many ended how. */
  readonly outcomes: Record<string, number>;
}

let opened: Opened | undefined;
let arrivals = new Arrivals(0);

function connected(): Opened {
  if (opened === undefined) throw new Error("Open first.");
  return opened;
}

async function connect(redisUrl: string, role: "commands" | "subscriber" | "blocking"): Promise<RedisConnection> {
  const redis = openRedis(redisUrl, role);
  redis.on("error", () => undefined);
  await whenReady(redis);
  return redis;
}

const commands = {
  async open({ redisUrl, keyPrefix }: { redisUrl: string; keyPrefix: string }): Promise<void> {
    const keys = new Keys(keyPrefix);
    const redis = await connect(redisUrl, "commands");
    opened = { redisUrl, redis, keys, sender: new MessageSender(redis, await connect(redisUrl, "subscriber"), keys) };
  },

  async send({ bareChannel, count, followers, atATime, perSecond }: Sending): Promise<Sent> {
    const { redis, sender } = connected();
    const outcomes: Record<string, number> = {};
    const sendOne = async (sequence: number, dueUs: number): Promise<void> => {
      const follower = sequence % followers;
      const text = messageText(sequence, dueUs);
      let outcome: string;
      if (bareChannel === undefined) outcome = (await sender.sendMessageToClient(`follower-${follower}`, text)).result;
      else outcome = (await redis.publish(bareChannel, `${follower}\n${text}`)) === 1 ? "published" : "unheard";
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    };
    const firstUs = nowUs();
    if (perSecond !== undefined) await atRate(count, perSecond, sendOne);
    else await inLanes(count, atATime ?? 1, (sequence) => sendOne(sequence, nowUs()));
    return { firstUs, outcomes };
  },

  /** Holds the rule `bench` from now on. */
  async hold(): Promise<void> {
    const { redis, redisUrl, keys } = connected();
    const consumer = new RuleConsumer(redis, await connect(redisUrl, "blocking"), keys, {
      rule: BENCH_RULE,
      group: BENCH_RULE,
      handler: ({ content }) => arrivals.note(content),
      onError: (error) => process.stderr.write(`${String(error)}\n`),
    });
    await consumer.start();
  },

  /** Reads a stream the bare way from now on: as many as there are, acked together. */
  async read({ stream }: { stream: string }): Promise<void> {
    const { redis, redisUrl } = connected();
    const blocking = await connect(redisUrl, "blocking");
    await redis.xgroup("CREATE", stream, "bare", "0", "MKSTREAM");
    const loop = async (): Promise<void> => {
      for (;;) {
        const reply = (await blocking.xreadgroup(
          ...(["GROUP", "bare", "one", "COUNT", 64, "BLOCK", 2_000, "STREAMS", stream, ">"] as const),
        )) as [string, [string, string[]][]][] | null;
        const entries = reply?.[0]?.[1] ?? [];
        for (const [, fields] of entries) arrivals.note(fields[3] ?? "");
        const ids = entries.map(([id]) => id);
        if (ids.length > 0) await redis.xack(stream, "bare", ...ids);
      }
    };
    loop().catch(() => undefined);
  },

  /** Takes down the messages 0 to count-1 from now on. */
  expectMessages({ count }: { count: number }): void {
    arrivals = new Arrivals(count);
  },

  async arrivals({ expected, timeoutMs }: { expected: number; timeoutMs: number }): Promise<ArrivalSummary> {
    return arrivals.summary(expected, timeoutMs);
  },
};
export type GatewayCommands = typeof commands;

serveCommands(commands);
