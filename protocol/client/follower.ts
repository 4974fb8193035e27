import { EncodeError, encodeApplication, encodeFollowerMessage, type FollowerStatus } from "../wire/index.ts";
import { Emitter, type Listener } from "./emitter.ts";
import {
  FollowerClosedError,
  FollowerStoppedError,
  MessageTooLargeError,
  NotConnectedError,
  OverloadedError,
  PairFailedError,
} from "./errors.ts";
import type { FollowerEventName, FollowerEvents } from "./followerEvents.ts";
import { type FollowerOptions, type FollowerSettings, readOptions } from "./followerOptions.ts";
import type { FollowerState } from "./followerState.ts";
import { Link } from "./link.ts";
import { StateKeeper } from "./stateKeeper.ts";
import { transition } from "./transition.ts";
import type { Effect, Input, TimerName } from "./transitionTypes.ts";

/** A follower: it connects to a Yonexus server, is paired once, authenticates, and sends and receives messages. */
export interface Follower {
  /** Where the follower is. Holds no secret. */
  readonly state: FollowerState;
  /** The liveness that the server last told; undefined without a session. */
  readonly status: FollowerStatus | undefined;
  /** What the admin compares when pairing; undefined until the state was opened, which `connect()` does first. */
  readonly fingerprint: string | undefined;
  /**
   * Calls the listener at every such event; returns what removes it. A listener that throws, or whose promise rejects,
   * is reported with `process.emitWarning` (name `FollowerListenerWarning`); the other listeners and the connection go on.
   */
  on<Name extends FollowerEventName>(name: Name, listener: Listener<FollowerEvents[Name]>): () => void;
  /** Sugar for `on("message", …)`. */
  onMessage(listener: (rule: string, content: string) => unknown): () => void;
  /**
   * Resolves when there is a session, at once when there is one. It stays pending through reconnects, and while a pairing
   * waits for its code (event `pairing`). After a stop it may be called again.
   *
   * @throws {FollowerStoppedError} when the follower must not come back by itself.
   * @throws {StateFileError} when the state file cannot be used.
   * @throws {FollowerClosedError} when the follower is or gets closed.
   */
  connect(): Promise<void>;
  /**
   * Gives the code that the admin passed on, as a person typed it. Resolves when the node accepted it and the secret is
   * saved; authentication follows by itself.
   *
   * @throws {PairFailedError} with the `reason`; `pairingOpen` tells whether to try another code.
   */
  pair(code: string): Promise<void>;
  /**
   * Sends `rule::content`. Resolves when the socket took it; whether a handler got it, the server does not tell. A refusal
   * (`UNKNOWN_RULE`, `OVERLOADED`) comes as the event `error_frame`.
   *
   * @throws {NotConnectedError} without a session, or when it ended before the bytes were written.
   * @throws {EncodeError} when the rule is not one.
   * @throws {MessageTooLargeError} when the frame is longer than `maxFrameBytes`.
   * @throws {OverloadedError} when more than `maxBufferedBytes` wait for the network.
   */
  send(rule: string, content: string): Promise<void>;
  /** Ends everything, for good: a closed follower cannot be connected again. Resolves when the socket is gone and the state given back. */
  close(): Promise<void>;
}

/** @throws {TypeError} for an option that cannot be. Nothing is opened or connected before `connect()`. */
export function createFollower(options: FollowerOptions): Follower {
  const follower = new FollowerDriver(readOptions(options));
  const { onCodeNeeded } = options;
  if (onCodeNeeded !== undefined) follower.on("pairing", onCodeNeeded);
  return follower;
}

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

/** Carries out what the pure transition decides: the socket, the state file, the timers, the listeners. */
class FollowerDriver implements Follower {
  readonly #settings: FollowerSettings;
  readonly #keeper: StateKeeper;
  readonly #emitter = new Emitter<FollowerEvents>(warnOfListener);
  readonly #timers = new Map<TimerName, () => void>();
  readonly #inputs: Input[] = [];
  #working = false;
  #state: FollowerState = { phase: "idle" };
  #link: Link | undefined;
  #connecting: Waiter[] = [];
  #pairing: Waiter | undefined;
  #openFailure: Error | undefined;
  #gone: Promise<unknown> = Promise.resolve();

  constructor(settings: FollowerSettings) {
    this.#settings = settings;
    this.#keeper = new StateKeeper(settings.state, settings.policy.identifier, settings.url);
  }

  get state(): FollowerState {
    return this.#state;
  }

  get status(): FollowerStatus | undefined {
    return this.#state.phase === "authenticated" ? this.#state.status : undefined;
  }

  get fingerprint(): string | undefined {
    return this.#keeper.fingerprint;
  }

  on<Name extends FollowerEventName>(name: Name, listener: Listener<FollowerEvents[Name]>): () => void {
    return this.#emitter.on(name, listener);
  }

  onMessage(listener: (rule: string, content: string) => unknown): () => void {
    return this.#emitter.on("message", ({ rule, content }) => listener(rule, content));
  }

  connect(): Promise<void> {
    if (this.#state.phase === "closed") return Promise.reject(new FollowerClosedError());
    if (this.#state.phase === "authenticated") return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#connecting.push({ resolve, reject });
      this.#handle({ type: "connect" });
    });
  }

  pair(code: string): Promise<void> {
    if (this.#state.phase === "closed") return Promise.reject(new PairFailedError("closed"));
    if (this.#pairing !== undefined) return Promise.reject(new PairFailedError("no_pairing_open"));
    const typed = code.trim();
    // A code that the wire cannot carry is a wrong one, and costs none of the tries.
    if (!canCarry(() => this.#pairConfirm(typed))) return Promise.reject(new PairFailedError("invalid_code"));
    return new Promise((resolve, reject) => {
      this.#pairing = { resolve, reject };
      this.#handle({ type: "pair", code: typed });
    });
  }

  async send(rule: string, content: string): Promise<void> {
    const { maxFrameBytes, maxBufferedBytes } = this.#settings;
    const frame = encodeApplication(rule, content);
    const bytes = Buffer.byteLength(frame);
    if (bytes > maxFrameBytes) throw new MessageTooLargeError(bytes, maxFrameBytes);
    const link = this.#link;
    if (this.#state.phase !== "authenticated" || link === undefined) throw new NotConnectedError();
    if (link.bufferedBytes + bytes > maxBufferedBytes) throw new OverloadedError(maxBufferedBytes);
    await link.send(frame).catch(() => {
      throw new NotConnectedError("The connection ended before the message was written. Send it again when connected.");
    });
  }

  async close(): Promise<void> {
    this.#handle({ type: "close" });
    await this.#gone;
  }

  /** Inputs are taken one after the other, also those that a listener causes while an earlier one is worked on. */
  #handle(input: Input): void {
    this.#inputs.push(input);
    if (this.#working) return;
    this.#working = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) this.#step(next);
    } finally {
      this.#working = false;
    }
  }

  #step(input: Input): void {
    const { clock, random, policy } = this.#settings;
    const before = this.#state;
    const { state, effects } = transition(policy, before, input, { now: clock.now(), random: random() });
    this.#state = state;
    if (state !== before) this.#emitter.emit("state", state);
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case "open_state":
        return this.#openState();
      case "open_link":
        return this.#openLink();
      case "drop_link":
        return this.#takeLink()?.drop();
      case "send_hello":
        return this.#write(this.#hello());
      case "send_pair_confirm":
        return this.#writeWhenSaved(this.#pairConfirm(effect.code));
      case "send_auth_request":
        return this.#write(this.#authRequest(effect.timestamp));
      case "send_heartbeat":
        return this.#write(
          encodeFollowerMessage({ type: "heartbeat", payload: { identifier: this.#identifier, status: "alive" } }),
        );
      case "save_secret":
        return this.#saveSecret(effect.secret, effect.pairedAt);
      case "forget_secret":
        this.#keeper.forgetSecret().catch(warnOfState);
        return;
      case "set_timer":
        return this.#setTimer(effect.timer, effect.ms);
      case "clear_timer":
        return this.#clearTimer(effect.timer);
      case "emit":
        return this.#emitter.emit(effect.emission.name, effect.emission.value);
      case "announce_pairing":
        return this.#emitter.emit("pairing", {
          identifier: this.#identifier,
          fingerprint: this.#keeper.fingerprint ?? "",
          expiresAt: effect.pairing.expiresAt,
          adminNotification: effect.pairing.adminNotification,
        });
      case "answer_pair": {
        const waiter = this.#pairing;
        this.#pairing = undefined;
        if (effect.error === undefined) waiter?.resolve();
        else waiter?.reject(new PairFailedError(effect.error));
        return;
      }
      case "answer_connect":
        for (const waiter of this.#connecting.splice(0)) waiter.resolve();
        return;
      case "stop":
        return this.#stop(effect);
      case "close":
        return this.#close();
    }
  }

  get #identifier(): string {
    return this.#settings.policy.identifier;
  }

  #openState(): void {
    this.#openFailure = undefined;
    this.#keeper.open().then(
      () => this.#handle({ type: "opened", paired: this.#keeper.paired }),
      (error: unknown) => {
        this.#openFailure = error instanceof Error ? error : new Error("the state cannot be used", { cause: error });
        this.#handle({ type: "open_failed", reason: this.#openFailure.message });
      },
    );
  }

  #openLink(): void {
    const { url, silenceTimeoutMs, webSocketOptions, clock } = this.#settings;
    try {
      this.#link = new Link(
        { url, silenceTimeoutMs, webSocket: webSocketOptions, clock },
        {
          opened: () => this.#handle({ type: "link_opened" }),
          text: (frame) => this.#handle({ type: "frame", frame: parseNodeFrame(frame) }),
          binary: () =>
            this.#handle({ type: "frame", frame: { kind: "malformed", reason: "a node sends no binary frames" } }),
          silent: () => this.#handle({ type: "link_silent" }),
          ended: (end) => {
            this.#link = undefined;
            this.#handle({ type: "link_ended", end });
          },
        },
      );
    } catch (error) {
      this.#handle({ type: "link_ended", end: { code: 1006, reason: error instanceof Error ? error.message : "error" } });
    }
  }

  #takeLink(): Link | undefined {
    const link = this.#link;
    this.#link = undefined;
    return link;
  }
}
