import type {
  Cluster,
  MessageRecord,
  RuleHandler,
  SendOptions,
  SendResult,
  StatusChange,
} from "@yonexus/protocol/redis";
import { PluginError } from "./errors.ts";
import type { HostLogger } from "./host.ts";
import type { RegisterOptions, RuleDesk, RuleRegistration } from "./ruleDesk.ts";

/** A promise that it returns is waited for: one that rejects is logged, and harms nobody. */
type StatusListener = (event: StatusChange) => unknown;

/** What another plugin of the same gateway can do with the cluster. Everything it registers goes when it is stopped or replaced. */
export interface Yonexus {
  /**
   * Handles what followers send under a rule. A text that the handler returns is queued for the one that sent it. Gateways
   * whose plugins registered under the same owner share the rule; a rule of another owner is refused.
   * @throws PluginError `RULE_INVALID`, `RULE_TAKEN`, `STOPPED`
   */
  registerRule(rule: string, handler: RuleHandler, options?: RegisterOptions): RuleRegistration;
  /**
   * Sends `rule::content` to a follower and says what became of it. While Redis is away it waits, within its timeout.
   * @throws PluginError `NOT_CONNECTED`, `STOPPED`; InvalidMessageError for what could never be sent; MaybeQueuedError
   */
  sendMessageToClient(identifier: string, message: string, options?: SendOptions): Promise<SendResult>;
  /** How far a queued (or recorded) message got; undefined when there is no record of it. */
  getMessage(messageId: string, identifier?: string): Promise<MessageRecord | undefined>;
  /** Called when a follower has authenticated, on whichever node. Not for those that are there already. @returns to end it. */
  onClientAuthenticated(listener: StatusListener): () => void;
  /**
   * Called when a follower's status changes: online, unstable, offline. At most once: what changes while Redis is away is not
   * told later. @returns to end it.
   */
  onStatusChange(listener: StatusListener): () => void;
  /** Aborts when the registrations of this setup end. */
  readonly signal: AbortSignal;
}

/** Run at every start of the Yonexus plugin, that of a hot reload too. */
export type YonexusSetup = (yonexus: Yonexus) => void | Promise<void>;

/**
 * How plugins find each other, in whatever order they are loaded: one object of the process. A user puts its setup into `setups`
 * under its own id and calls `changed`, if it is there.
 */
export interface YonexusHub {
  readonly setups: Map<string, YonexusSetup>;
  changed?: (owner: string) => void;
}

const HUB_KEY = Symbol.for("yonexus-server.v1");

export function yonexusHub(): YonexusHub {
  const holder = globalThis as { [HUB_KEY]?: YonexusHub };
  holder[HUB_KEY] ??= { setups: new Map() };
  return holder[HUB_KEY];
}

/** What the interface needs of the running plugin. */
export interface InterfacePorts {
  readonly desk: RuleDesk;
  /** @throws PluginError when the cluster is not there within the time. */
  readonly cluster: (timeoutMs: number) => Promise<Cluster>;
  readonly logger: HostLogger;
}

const DEFAULT_SEND_TIMEOUT_MS = 5_000;
const OWNER = /^[A-Za-z0-9@][A-Za-z0-9@/._-]{0,63}$/u;

/** A setup that has not ended after this counts as failed (ms); what it registered so far stays. */
const SETUP_PATIENCE_MS = 30_000;

/** Runs the setups of other plugins and keeps what each of them registered, so that it can be taken back as a whole. */
export class SetupRunner {
  readonly #hub: YonexusHub;
  readonly #ports: InterfacePorts;
  readonly #running = new Map<string, Registrations>();
  readonly #failures = new Map<string, string>();
  readonly #changed = (owner: string): void => this.#replace(owner);
  /** One chain an owner: a setup that hangs is nobody else's trouble. */
  readonly #work = new Map<string, Promise<void>>();

  constructor(hub: YonexusHub, ports: InterfacePorts) {
    this.#hub = hub;
    this.#ports = ports;
  }

  /** Setups that failed: the owner, and why. */
  get failures(): ReadonlyMap<string, string> {
    return this.#failures;
  }

  start(): void {
    this.#hub.changed = this.#changed;
    for (const owner of this.#hub.setups.keys()) this.#replace(owner);
  }

  statusChanged(event: StatusChange): void {
    for (const registrations of this.#running.values()) registrations.tell(event);
  }

  /** A setup that is still running is told by its signal, and not waited for. */
  async stop(): Promise<void> {
    if (this.#hub.changed === this.#changed) delete this.#hub.changed;
    await Promise.all([...this.#running.values()].map((registrations) => registrations.end()));
    this.#running.clear();
  }

  /** What an owner had is gone before its new setup runs. */
  #replace(owner: string): void {
    // At once, so that a setup which still runs ends: its successor waits for nothing else.
    const ended = this.#running.get(owner)?.end();
    const before = this.#work.get(owner) ?? Promise.resolve();
    const work = before.then(async () => {
      await ended;
      await this.#running.get(owner)?.end();
      this.#running.delete(owner);
      this.#failures.delete(owner);
      const setup = this.#hub.setups.get(owner);
      if (setup === undefined || this.#hub.changed !== this.#changed) return;
      await this.#run(owner, setup);
    });
    this.#work.set(owner, work);
    void work.then(() => {
      if (this.#work.get(owner) === work) this.#work.delete(owner);
    });
  }

  /** Never rejects. */
  async #run(owner: string, setup: YonexusSetup): Promise<void> {
    const { logger } = this.#ports;
    if (!OWNER.test(owner)) {
      logger.error(
        "A plugin uses Yonexus under an owner that is not one: it must be its plugin id, 1 to 64 of A-Z a-z 0-9 @ / . _ -.",
      );
      return;
    }
    const registrations = new Registrations(owner, this.#ports);
    this.#running.set(owner, registrations);
    const failed = (reason: string): void => {
      this.#failures.set(owner, reason);
      logger.error(`The setup of ${owner} failed: ${reason}`);
    };
    const { signal } = registrations;
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
      timer = setTimeout(() => {
        failed(`it has not ended within ${SETUP_PATIENCE_MS / 1000} s`);
        resolve();
      }, SETUP_PATIENCE_MS);
    });
    const running = settled(() => setup(registrations)).then((error) => {
      if (signal.aborted) return;
      if (error !== undefined) failed(error);
      // It only was slow.
      else if (this.#failures.delete(owner)) logger.info(`The setup of ${owner} has ended after all.`);
    });
    await Promise.race([running, over]).finally(() => clearTimeout(timer));
  }
}

/** Runs what another plugin brought. Resolves with what it threw or rejected with, in words. */
async function settled(work: () => unknown): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** What one plugin registered. */
class Registrations implements Yonexus {
  readonly #owner: string;
  readonly #ports: InterfacePorts;
  readonly #ending = new AbortController();
  readonly #rules = new Set<RuleRegistration>();
  readonly #listeners = new Set<StatusListener>();

  constructor(owner: string, ports: InterfacePorts) {
    this.#owner = owner;
    this.#ports = ports;
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  readonly registerRule: Yonexus["registerRule"] = (rule, handler, options) => {
    this.#requireRunning();
    const registration = this.#ports.desk.register(this.#owner, rule, handler, options);
    this.#rules.add(registration);
    const stop = async () => {
      this.#rules.delete(registration);
      await registration.stop();
    };
    return { rule, stop, status: () => registration.status(), whenHeld: () => registration.whenHeld() };
  };

  readonly sendMessageToClient: Yonexus["sendMessageToClient"] = async (identifier, message, options = {}) => {
    this.#requireRunning();
    const { timeoutMs = DEFAULT_SEND_TIMEOUT_MS } = options;
    const began = performance.now();
    const cluster = await this.#ports.cluster(timeoutMs);
    const left = Math.max(0, timeoutMs - (performance.now() - began));
    return cluster.sendMessageToClient(identifier, message, { ...options, timeoutMs: left });
  };

  readonly getMessage: Yonexus["getMessage"] = async (messageId, identifier) => {
    this.#requireRunning();
    const cluster = await this.#ports.cluster(DEFAULT_SEND_TIMEOUT_MS);
    return cluster.getMessage(messageId, identifier);
  };

  readonly onClientAuthenticated: Yonexus["onClientAuthenticated"] = (listener) =>
    this.onStatusChange((event) => {
      return event.reason === "authenticated" ? listener(event) : undefined;
    });

  readonly onStatusChange: Yonexus["onStatusChange"] = (listener) => {
    this.#requireRunning();
    // A listener of its own for each call: the same function given twice is ended one at a time.
    const heard = (event: StatusChange) => listener(event);
    this.#listeners.add(heard);
    return () => void this.#listeners.delete(heard);
  };

  tell(event: StatusChange): void {
    for (const listener of [...this.#listeners]) {
      void settled(() => listener(event)).then((reason) => {
        if (reason !== undefined) this.#ports.logger.error(`A listener of ${this.#owner} failed: ${reason}`);
      });
    }
  }

  async end(): Promise<void> {
    this.#ending.abort();
    this.#listeners.clear();
    await Promise.all([...this.#rules].map((rule) => rule.stop()));
  }

  #requireRunning(): void {
    if (this.#ending.signal.aborted) {
      throw new PluginError(
        "STOPPED",
        `The registrations of ${this.#owner} have ended: use what its newest setup was given.`,
      );
    }
  }
}
