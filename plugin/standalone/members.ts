import { type RunningCoordinator, startCoordinator } from "@yonexus/coordinator";
import { type RunningNode, startNode } from "@yonexus/node";
import type { Config } from "@yonexus/protocol/config";
import { createLogger } from "@yonexus/protocol/log";
import type { HostLogger } from "../core/host.ts";
import type { CodeTerminal } from "./codeTerminal.ts";
import { hostLogStream } from "./hostLogStream.ts";
import { listenProblem } from "./listenProblem.ts";

/** The node and the coordinator of this process. */
export class Members {
  readonly #config: Config;
  readonly #terminal: CodeTerminal;
  readonly #logger: HostLogger;
  #node: RunningNode | undefined;
  #coordinator: RunningCoordinator | undefined;
  #starting: Promise<RunningNode> | undefined;
  #ending: Promise<void> | undefined;

  constructor(config: Config, terminal: CodeTerminal, logger: HostLogger) {
    // The allowlist is the plugin's to apply, under its own name.
    this.#config = { ...config, followerIdentifiers: [] };
    this.#terminal = terminal;
    this.#logger = logger;
  }

  /** What an earlier try started goes on. @throws PluginError when nothing can listen there; the signal's reason. */
  start(signal: AbortSignal): Promise<RunningNode> {
    this.#starting = this.#start(signal);
    return this.#starting;
  }

  /**
   * Both at once: the node sends its followers away, the coordinator finishes what it is at. Calling it again changes nothing.
   * @throws what one of them throws, when both ended.
   */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #start(signal: AbortSignal): Promise<RunningNode> {
    const logger = (name: string) => createLogger(this.#config.logLevel, name, hostLogStream(this.#logger));
    this.#coordinator ??= await startCoordinator(this.#config, {
      logger: logger("coordinator"),
      terminal: this.#terminal,
      json: true,
      signal,
    });
    try {
      this.#node ??= await startNode(this.#config, { logger: logger("node"), signal });
    } catch (error) {
      throw listenProblem(error, this.#config) ?? error;
    }
    return this.#node;
  }

  async #end(): Promise<void> {
    await this.#starting?.catch(() => {});
    const ends = await Promise.allSettled([this.#node?.drain(), this.#coordinator?.stop()]);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }
}
