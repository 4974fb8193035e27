import {
  type Cluster,
  type HeldRule,
  type RuleHandler,
  RuleHeldError,
  type RuleOptions,
} from "@yonexus/protocol/redis";
import { isRule } from "@yonexus/protocol/wire/basics";
import { PluginError } from "./errors.ts";
import { explainFailure, kindOf } from "./failure.ts";
import type { HostLogger } from "./host.ts";
import { MAX_RULES } from "./limits.ts";

/** `waiting`: for Redis, or for its turn. `held`: this gateway handles it. `refused`: another group has it. */
type RuleState = "waiting" | "held" | "refused" | "stopped";

export interface RuleStatus {
  readonly rule: string;
  /** The plugin that registered it; in Redis it is the group that holds the rule. */
  readonly owner: string;
  readonly state: RuleState;
  /** Why it is not held, for people. */
  readonly reason?: string;
}

export type RegisterOptions = Pick<
  RuleOptions,
  "concurrency" | "maxTries" | "handlerTimeoutMs" | "stopTimeoutMs" | "reply" | "onUndelivered"
>;

/** A rule that a plugin registered. */
export interface RuleRegistration {
  readonly rule: string;
  status(): RuleStatus;
  /** Resolves when this gateway handles the rule. @throws PluginError `RULE_TAKEN` when another group has it; `STOPPED`. */
  whenHeld(): Promise<void>;
  /** Lets handlers in progress finish and leaves the rule to other gateways. */
  stop(): Promise<void>;
}

/** A refused rule is asked for again after this (ms): its holder may be gone by then. */
const ASK_AGAIN_MS = 15_000;
/** After any other failure (ms). */
const RETRY_MS = 2_000;
/** The rules that plugins of this gateway handle: taken when Redis is there, and again after every restart. */
export class RuleDesk {
  readonly #logger: HostLogger;
  readonly #stopHandlersMs: number;
  readonly #entries = new Map<string, Entry>();
  #cluster: Cluster | undefined;

  /** @param stopHandlersMs what handlers get at most to finish what they are at, when their rule is given up. */
  constructor(logger: HostLogger, stopHandlersMs: number) {
    this.#logger = logger;
    this.#stopHandlersMs = stopHandlersMs;
  }

  statuses(): RuleStatus[] {
    return [...this.#entries.values()].map((entry) => entry.status());
  }

  /**
   * Handles a rule for a plugin. Gateways whose plugins have the same owner share it: each message goes to one of them.
   * @throws PluginError `RULE_INVALID` for one that can be nobody's; `RULE_TAKEN` when another plugin of this gateway has it.
   */
  register(owner: string, rule: string, handler: RuleHandler, options: RegisterOptions = {}): RuleRegistration {
    if (typeof rule !== "string" || !isRule(rule)) {
      const why = rule === "builtin" ? "is reserved for the protocol" : "is no rule";
      throw new PluginError(
        "RULE_INVALID",
        `${JSON.stringify(rule)} ${why}: choose 1 to 128 characters without \`::\` or control characters, not ending in a colon, not \`builtin\`.`,
      );
    }
    if (typeof handler !== "function")
      throw new PluginError("RULE_INVALID", `The handler of the rule ${rule} is not a function.`);
    requireOptions(rule, options);
    const other = this.#entries.get(rule);
    if (other !== undefined) {
      throw new PluginError(
        "RULE_TAKEN",
        `The rule ${rule} is handled by ${other.owner} in this gateway: choose another rule, or disable that plugin.`,
      );
    }
    // Each rule has a connection of its own.
    if (this.#entries.size >= MAX_RULES) {
      throw new PluginError("RULE_INVALID", `This gateway handles ${MAX_RULES} rules already: give one up first.`);
    }
    const stopTimeoutMs = Math.min(options.stopTimeoutMs ?? this.#stopHandlersMs, this.#stopHandlersMs);
    const bounded = { ...options, stopTimeoutMs };
    const entry = new Entry(owner, rule, handler, bounded, this.#logger, () => this.#entries.delete(rule));
    this.#entries.set(rule, entry);
    if (this.#cluster !== undefined) entry.begin(this.#cluster);
    return entry;
  }

  /** The cluster is there: takes every rule that is registered, and those that will be. */
  connect(cluster: Cluster): void {
    this.#cluster = cluster;
    for (const entry of this.#entries.values()) entry.begin(cluster);
  }

  /** Leaves every rule. */
  async stop(): Promise<void> {
    this.#cluster = undefined;
    await Promise.all([...this.#entries.values()].map((entry) => entry.stop()));
  }
}

class Entry implements RuleRegistration {
  readonly owner: string;
  readonly rule: string;
  readonly #handler: RuleHandler;
  readonly #options: RegisterOptions;
  readonly #logger: HostLogger;
  readonly #forget: () => void;
  #state: RuleState = "waiting";
  #reason: string | undefined = "Redis is not there yet.";
  #held: HeldRule | undefined;
  /** Who has the rule, when it went to another group while Redis was away. */
  #lostTo: string | undefined;
  #taking: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;
  readonly #waiters = new Set<{ resolve: () => void; reject: (error: PluginError) => void }>();

  constructor(
    owner: string,
    rule: string,
    handler: RuleHandler,
    options: RegisterOptions,
    logger: HostLogger,
    forget: () => void,
  ) {
    this.owner = owner;
    this.rule = rule;
    this.#handler = handler;
    this.#options = options;
    this.#logger = logger;
    this.#forget = forget;
  }

  status(): RuleStatus {
    const { owner, rule } = this;
    // Held once, and the lease lapsed since: Redis is away, or another group took the rule meanwhile.
    const isLost = this.#state === "held" && this.#held?.isLive === false;
    const state = isLost ? (this.#lostTo === undefined ? "waiting" : "refused") : this.#state;
    const reason = isLost ? (this.#lostTo ?? "Redis does not answer.") : this.#reason;
    return { rule, owner, state, ...(reason === undefined ? {} : { reason }) };
  }

  async whenHeld(): Promise<void> {
    if (this.#state === "held") return;
    const failure = this.#failure();
    if (failure !== undefined) throw failure;
    await new Promise<void>((resolve, reject) => {
      this.#waiters.add({ resolve, reject });
    });
  }

  begin(cluster: Cluster): void {
    if (this.#stopping !== undefined || this.#taking !== undefined) return;
    this.#taking = this.#take(cluster).finally(() => {
      this.#taking = undefined;
    });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #take(cluster: Cluster): Promise<void> {
    try {
      const held = await cluster.registerRule(this.rule, this.#handler, {
        ...this.#options,
        group: this.owner,
        onError: (error) => this.#failed(error),
      });
      this.#held = held;
      if (this.#stopping === undefined) this.#become("held");
    } catch (error) {
      if (this.#stopping !== undefined) return;
      const isRefused = error instanceof RuleHeldError;
      this.#become(isRefused ? "refused" : "waiting", isRefused ? error.message : explainFailure(error).message);
      this.#retry = setTimeout(() => this.begin(cluster), isRefused ? ASK_AGAIN_MS : RETRY_MS);
    }
  }

  /** In the background: a handler threw, Redis failed, or the rule went to another group after an outage. */
  #failed(error: unknown): void {
    if (this.#stopping !== undefined) return;
    if (!(error instanceof RuleHeldError)) {
      // It was held again since: who took it before has no part in this.
      if (this.#held?.isLive === true) this.#lostTo = undefined;
      this.#logger.debug?.(`${this.owner}, rule ${this.rule}: a try failed (${kindOf(error)}).`);
      return;
    }
    if (this.#lostTo === undefined) this.#logger.warn(`${this.owner} has lost the rule ${this.rule}. ${error.message}`);
    this.#lostTo = error.message;
  }

  #become(state: RuleState, reason?: string): void {
    if (state !== this.#state || reason !== this.#reason) {
      if (state === "refused")
        this.#logger.warn(`${this.owner} does not get the rule ${this.rule}. ${reason ?? ""}`.trim());
      if (state === "waiting") {
        this.#logger.warn(`${this.owner} does not get the rule ${this.rule} yet. ${reason ?? ""} It is tried again.`);
      }
      if (state === "held") this.#logger.info(`${this.owner} handles the rule ${this.rule}.`);
    }
    this.#state = state;
    this.#reason = reason;
    if (state === "waiting") return;
    const failure = this.#failure();
    for (const { resolve, reject } of this.#waiters) {
      if (failure === undefined) resolve();
      else reject(failure);
    }
    this.#waiters.clear();
  }

  #failure(): PluginError | undefined {
    if (this.#state === "refused")
      return new PluginError("RULE_TAKEN", this.#reason ?? `The rule ${this.rule} is another group's.`);
    if (this.#state === "stopped") return new PluginError("STOPPED", `The rule ${this.rule} was given up.`);
    return undefined;
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#retry);
    await this.#taking;
    await this.#held?.stop();
    this.#forget();
    this.#become("stopped");
  }
}

/** @throws PluginError `RULE_INVALID` for what could never be held so. */
function requireOptions(rule: string, { concurrency, maxTries, handlerTimeoutMs }: RegisterOptions): void {
  const isWhole = (value: number, most: number) => Number.isInteger(value) && value >= 1 && value <= most;
  const problem =
    concurrency !== undefined && !isWhole(concurrency, 256)
      ? "concurrency must be a whole number from 1 to 256"
      : maxTries !== undefined && !isWhole(maxTries, Number.MAX_SAFE_INTEGER)
        ? "maxTries must be a whole number from 1 on"
        : handlerTimeoutMs !== undefined && !isWhole(handlerTimeoutMs, 2 ** 31 - 1)
          ? "handlerTimeoutMs must be a whole number of milliseconds"
          : undefined;
  if (problem !== undefined)
    throw new PluginError("RULE_INVALID", `The rule ${rule} cannot be handled so: ${problem}.`);
}
