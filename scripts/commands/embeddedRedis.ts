import { once } from "node:events";
import type { Command } from "commander";
import { endWithParent } from "../cli/foreground.ts";
import { printJson } from "../cli/output.ts";
import { stopRequested } from "../cli/stopSignals.ts";

/** What `yonexus up` starts where there is no Redis server. Nobody types it. */
export function addEmbeddedRedisCommand(program: Command): void {
  program
    .command("embedded-redis", { hidden: true })
    .description("a Redis in memory on a unix socket: all is gone when it ends")
    .argument("<socket>", "the path of the socket")
    .addHelpText("after", "\nExample:\n  yonexus embedded-redis /tmp/redis.sock")
    .action(async (socket: string) => {
      endWithParent();
      const { createRedisCommandExecutor, RedisServerState, Resp2Server } = await import("js-redis-server/core");
      // Its own `listen` takes a port on all addresses, where anybody could read and write. The socket is its owner's.
      process.umask(0o077);
      const { server } = new Resp2Server({
        server: new RedisServerState({ databaseCount: 16 }),
        executor: createRedisCommandExecutor(),
      });
      server.listen(socket);
      await once(server, "listening");
      printJson({ event: "ready" });
      await stopRequested();
    });
}
