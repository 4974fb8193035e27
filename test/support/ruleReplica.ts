import { argv } from "node:process";
import { Keys, openRedis, RuleConsumer, whenReady } from "@yonexus/protocol/redis";

/**
 * A process that holds a rule: a replica that a test can kill or stop. Each message that it begins is noted in the list `<prefix>:begun`
 * as `<follower> <content> <attempt>`, and each that it is done with in `<prefix>:done`. A message whose content is `block` is begun
 * and never done with while the key `<prefix>:block` exists; one whose content is `sleep` takes half a second, without Redis.
 */
const [, , url = "", prefix = "", rule = "", group = "", leaseMs = "", concurrency = ""] = argv;

const redis = openRedis(url, "commands");
const blocking = openRedis(url, "blocking");
for (const connection of [redis, blocking]) connection.on("error", () => {});
await whenReady(redis);
const consumer = new RuleConsumer(redis, blocking, new Keys(prefix), {
  rule,
  group,
  leaseMs: Number(leaseMs),
  concurrency: Number(concurrency),
  onError: () => {},
  handler: async ({ identifier, content, attempt }) => {
    await redis.rpush(`${prefix}:begun`, `${identifier} ${content} ${attempt}`);
    if (content === "sleep") await new Promise((resume) => setTimeout(resume, 500));
    while (content === "block" && (await redis.exists(`${prefix}:block`)) === 1) {
      await new Promise((resume) => setTimeout(resume, 5));
    }
    await redis.rpush(`${prefix}:done`, `${identifier} ${content} ${attempt}`);
  },
});
await consumer.start();
