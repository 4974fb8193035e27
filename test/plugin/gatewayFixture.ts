import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentWaker } from "../../plugin/core/agentRules.ts";
import { readConfig } from "../../plugin/core/config.ts";
import { PluginContainer, reachCluster, runningPlugin } from "../../plugin/core/container.ts";
import type { YonexusHub } from "../../plugin/core/pluginInterface.ts";
import { yonexusHub } from "../../plugin/core/pluginInterface.ts";
import { FollowerRegistry } from "../../plugin/core/registry.ts";
import type { PluginRuntime, RuntimeStatus } from "../../plugin/core/runtime.ts";
import { PluginRuntime as Runtime } from "../../plugin/core/runtime.ts";
import { startStandalone } from "../../plugin/standalone/standaloneCluster.ts";
import { waitFor } from "../support/waitFor.ts";

/** What a gateway does for the plugin, without the gateway: its service, its hooks, its log. The real one is in test/openclaw. */
export class PluginHost {
  readonly log: string[] = [];
  readonly stateDir: string;
  /** What its service health says: the problem, or undefined when it is well. */
  failure: string | undefined;
  #container: PluginContainer | undefined;
  readonly #waker: AgentWaker | undefined;

  constructor(options: { readonly waker?: AgentWaker; readonly stateDir?: string } = {}) {
    this.#waker = options.waker;
    this.stateDir = options.stateDir ?? mkdtempSync(join(tmpdir(), "plugin-"));
  }

  get logger() {
    const say = (level: string) => (text: string) => void this.log.push(`${level} ${text}`);
    return { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") };
  }

  /** The service first and then the hook, as OpenClaw does. */
  async start(rawConfig: unknown): Promise<void> {
    const container = new PluginContainer({
      rawConfig,
      logger: this.logger,
      stateDir: () => this.stateDir,
      waker: async () => this.#waker,
      startStandalone,
    });
    this.#container = container;
    container.attach({
      stateDir: this.stateDir,
      serviceHealth: {
        reportFailure: (error) => {
          this.failure = error instanceof Error ? error.message : String(error);
        },
        clearFailure: () => {
          this.failure = undefined;
        },
      },
    });
    await container.start();
  }

  async stop(): Promise<void> {
    this.#container?.detach();
    await this.#container?.stop();
    this.#container = undefined;
  }

  /** As OpenClaw does when the settings change: the old one ends, and a new one starts in the same process. */
  async reload(rawConfig: unknown): Promise<void> {
    await this.stop();
    await this.start(rawConfig);
  }

  get status(): RuntimeStatus | undefined {
    try {
      return runningPlugin().status();
    } catch {
      return undefined;
    }
  }

  get running(): PluginRuntime {
    return runningPlugin();
  }

  async connected(): Promise<void> {
    await waitFor("the plugin to be connected", async () => this.status?.phase === "connected");
  }

  async registry(): Promise<FollowerRegistry> {
    const { redis, keys } = await reachCluster(2_500);
    return new FollowerRegistry(redis, keys);
  }

  remove(): void {
    rmSync(this.stateDir, { recursive: true, force: true });
    yonexusHub().setups.clear();
  }
}

/** A second gateway in this process: a runtime with a hub of its own, as another process would have. */
export function secondGateway(rawConfig: unknown, hub: YonexusHub, log: string[] = []): Runtime {
  const say = (text: string) => void log.push(text);
  return new Runtime({
    config: readConfig(rawConfig),
    logger: { info: say, warn: say, error: say },
    health: { failed: () => {}, well: () => {} },
    hub,
    waker: undefined,
    source: () => "gateway:second",
    knownSource: () => undefined,
    startStandalone: () => Promise.reject(new Error("not here")),
  });
}
