import { Keys, MessageSender, openRedis, type RedisConnection, RuleConsumer, whenReady } from "@yonexus/protocol/redis";
import { type ArrivalSummary, Arrivals, BENCH_RULE } from "./arrivals.ts";
import { serveCommands } from "./childProcess.ts";
import { type Sending, type Sent, sendAll } from "./sending.ts";

/** What a process beside the nodes does: sends to followers and handles what they send, with nothing but Redis. */
interface Opened {
  readonly redisUrl: string;
  readonly redis: RedisConnection;
  readonly keys: Keys;
  readonly sender: MessageSender;
}

/** `live` and `queued` as the library sends; by a channel or a stream the bare way, which hears nothing from a follower. */
type Way =
  | { readonly kind: "live" | "queued" }
  | { readonly kind: "channel"; readonly channel: string }
  | { readonly kind: "stream"; readonly stream: string };

/** However long the queue is, each is acked at last. */
const QUEUED = { delivery: "queued", waitFor: "acked", timeoutMs: 60_000 } as const;

const RULE_LENGTH = BENCH_RULE.length + 2;

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

  async send({ way, ...sending }: Sending & { way: Way }): Promise<Sent> {
    const { redis, sender } = connected();
    return sendAll(sending, async (follower, text) => {
      switch (way.kind) {
        case "live":
          return (await sender.sendMessageToClient(`follower-${follower}`, text)).result;
        case "queued": {
          const sent = await sender.sendMessageToClient(`follower-${follower}`, text, QUEUED);
          return sent.result === "delivered" ? sent.reached : sent.result;
        }
        case "channel":
          return (await redis.publish(way.channel, `${follower}\n${text}`)) === 1 ? "published" : "unheard";
        case "stream":
          await redis.xadd(way.stream, "*", "from", `follower-${follower}`, "content", text.slice(RULE_LENGTH));
          return "stored";
      }
    });
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

  async arrivals({ expected, quietMs }: { expected: number; quietMs: number }): Promise<ArrivalSummary> {
    return arrivals.summary(expected, quietMs);
  },
};
export type GatewayCommands = typeof commands;

serveCommands(commands);
