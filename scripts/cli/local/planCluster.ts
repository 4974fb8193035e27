import type { Config } from "@yonexus/protocol/config";
import type { DataDir, LocalRedis, ProcessEvent, ProcessPlan } from "@yonexus/protocol/local";
import { redisPlace } from "@yonexus/protocol/operator";
import type { LocalClusterPlan } from "./localCluster.ts";
import { ownCommand } from "./ownCommand.ts";

export interface ClusterWishes {
  readonly config: Config;
  readonly configFile?: string;
  readonly dir: DataDir;
  readonly ports: readonly number[];
  /** Of the coordinator, then of each node; empty when there are no admin ports. */
  readonly adminPorts: readonly number[];
  /** Absent when the configuration has one. */
  readonly masterKey?: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Which processes make the cluster, and what each is told. Secrets go by the environment, never by arguments. */
export function planCluster(wishes: ClusterWishes, redis: LocalRedis | { readonly url: string }): LocalClusterPlan {
  const { config, dir, ports, adminPorts } = wishes;
  const isLocal = "plan" in redis;
  const env = sharedEnvironment(wishes, redis.url);
  const configArguments = wishes.configFile === undefined ? [] : ["--config", wishes.configFile];
  const plan = (command: string, name: string, own: NodeJS.ProcessEnv): ProcessPlan => ({
    ...ownCommand([command, "--json", ...configArguments]),
    name,
    env: { ...env, ...own },
    logPath: dir.logPath(name),
  });
  // Each is told its own: all of them read the one that the environment or the file names.
  const adminOf = (process: number): NodeJS.ProcessEnv => {
    const port = adminPorts[process];
    return port === undefined ? {} : { YONEXUS_ADMIN_PORT: String(port) };
  };
  return {
    ...(isLocal ? { redis: redis.plan } : {}),
    coordinator: plan("coordinator", "coordinator", { YONEXUS_NODE_NAME: "coordinator", ...adminOf(0) }),
    nodes: ports.map((port, index) => {
      const name = `node-${index + 1}`;
      const own = { YONEXUS_NODE_NAME: name, YONEXUS_LISTEN_PORT: String(port), ...adminOf(index + 1) };
      return { ...plan("node", name, own), keep: keepPort };
    }),
    about: {
      redis: redis.url,
      redisText: isLocal ? redis.description : `the Redis at ${redisPlace(redis.url)}`,
      dataDir: dir.shown,
      ...(isLocal && redis.memoryOnly !== undefined ? { memoryOnly: redis.memoryOnly } : {}),
    },
    keyPrefix: config.keyPrefix,
    dataDir: dir.path,
    drainMs: config.drainWindowMs,
  };
}

/** Followers come back to where they were: a node that chose its port (0) listens on the same one after a restart. */
function keepPort({ url }: ProcessEvent): NodeJS.ProcessEnv {
  const port = /:(\d+)$/u.exec(String(url))?.[1];
  return port === undefined ? {} : { YONEXUS_LISTEN_PORT: port };
}

function sharedEnvironment({ masterKey, env }: ClusterWishes, redisUrl: string): NodeJS.ProcessEnv {
  // The URL is told as it is: naming a file that holds one as well would contradict it.
  const { REDIS_URL_FILE: _, ...inherited } = env;
  return {
    ...inherited,
    REDIS_URL: redisUrl,
    ...(masterKey === undefined ? {} : { YONEXUS_MASTER_KEY: masterKey }),
  };
}
