import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { type RunningNode, startNode } from "@yonexus/node";
import { type LoadedConfig, loadConfig } from "@yonexus/protocol/config";
import { createLogger } from "@yonexus/protocol/log";

/** The settings of a process under test, as the environment has them. */
export type TestEnvironment = Readonly<Record<string, string>>;

/** A node in this process, and every line that it logged. */
export interface TestNode extends RunningNode {
  readonly log: readonly string[];
}

/** A node that is a process of its own, so that it can be killed and halted. */
export interface NodeProcess {
  readonly nodeId: string;
  readonly url: string;
  readonly log: readonly string[];
  /** Settles when the process is gone, with how it went. */
  readonly exited: Promise<string>;
  signal(signal: NodeJS.Signals): void;
}

/** What the process of `env` reads: nothing of the environment that the tests run in. */
export function testConfig(env: TestEnvironment): LoadedConfig<"redisUrl" | "masterKeys"> {
  return loadConfig({
    env: { YONEXUS_LISTEN_PORT: "0", YONEXUS_NODE_NAME: "test", YONEXUS_LOG_LEVEL: "trace", ...env },
    require: ["redisUrl", "masterKeys"],
  });
}

/** A logger into memory. */
export function recordingLogger(level: string, name: string) {
  const log: string[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      log.push(String(chunk));
      done();
    },
  });
  return { log, logger: createLogger(level, name, destination) };
}

export async function startTestNode(env: TestEnvironment): Promise<TestNode> {
  const config = testConfig(env);
  const { log, logger } = recordingLogger(config.logLevel, "node");
  return { ...(await startNode(config, { logger })), log };
}

const ROOT = join(import.meta.dirname, "../..");
const COMMAND = join(ROOT, "scripts/main.ts");
/** The one of `yonexus`: a process that starts with it costs half. */
const COMPILE_CACHE = join(ROOT, "node_modules/.cache/yonexus");

/**
 * Starts `yonexus node --json` and waits until it says that it is ready. It ends with this process, however that ends.
 * @param log gets its lines, also before it is ready.
 */
export async function startNodeProcess(env: TestEnvironment, log: string[] = []): Promise<NodeProcess> {
  const settings = { YONEXUS_LISTEN_PORT: "0", YONEXUS_NODE_NAME: "test", ...env };
  const child = spawn(process.execPath, ["--conditions=source", COMMAND, "node", "--json"], {
    // The channel ends with this process, and the command with the channel.
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: COMPILE_CACHE, ...settings },
  });
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new TypeError("The node has no pipes.");
  createInterface({ input: stderr }).on("line", (line) => log.push(line));
  const lines = createInterface({ input: stdout });
  const exited = once(child, "exit").then(([code, signal]) => (signal === null ? `code ${code}` : `signal ${signal}`));
  const first = await Promise.race([once(lines, "line").then(([line]) => String(line)), exited]);
  if (!first.startsWith("{")) throw new Error(`The node ended with ${first} before it was ready:\n${log.join("\n")}`);
  const { nodeId, url } = JSON.parse(first) as { nodeId: string; url: string };
  return { nodeId, url, log, exited, signal: (signal) => void child.kill(signal) };
}
