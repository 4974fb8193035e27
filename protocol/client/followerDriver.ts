import { EncodeError, encodeApplication, type FollowerStatus, parseNodeFrame } from "../wire/index.ts";
import { Emitter, type Listener } from "./emitter.ts";
import {
  FollowerClosedError,
  FollowerStoppedError,
  MessageTooLargeError,
  NotConnectedError,
  OverloadedError,
  PairFailedError,
} from "./errors.ts";
import type { Follower } from "./follower.ts";
import type { FollowerEventName, FollowerEvents } from "./followerEvents.ts";
import { FollowerFrames } from "./followerFrames.ts";
import type { FollowerSettings } from "./followerOptions.ts";
import type { FollowerState } from "./followerState.ts";
import { Link } from "./link.ts";
import { StateKeeper } from "./stateKeeper.ts";
import { Timers } from "./timers.ts";
import { transition } from "./transition.ts";
import type { Effect, Input } from "./transitionTypes.ts";
import { warnOfListener, warnOfState } from "./warnings.ts";

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

/** Carries out what the pure transition decides: the socket, the state, the timers, the listeners. */
export class FollowerDriver implements Follower {
  readonly #settings: FollowerSettings;
  readonly #keeper: StateKeeper;
  readonly #frames: FollowerFrames;
  readonly #timers: Timers;
  readonly #emitter = new Emitter<FollowerEvents>(warnOfListener);
  readonly #inputs: Input[] = [];
  #working = false;
  #state: FollowerState = { phase: "idle" };
  #link: Link | undefined;
  #connecting: Waiter[] = [];
  #pairing: Waiter | undefined;
  #openFailure: Error | undefined;
  #gone: Promise<unknown> = Promise.resolve();
  /** Links opened so far: each goes to the next URL. */
  #opened = 0;

  constructor(settings: FollowerSettings) {
    const { identifier } = settings.policy;
    this.#settings = settings;
    this.#keeper = new StateKeeper(settings.state, identifier, settings.urls[0]);
    this.#frames = new FollowerFrames(identifier, this.#keeper);
    this.#timers = new Timers(settings.clock, (timer) => this.#handle({ type: "timer", timer }));
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
    // A code that the wire cannot carry is a wrong one; it costs none of the tries.
    if (!this.#canCarry(typed)) return Promise.reject(new PairFailedError("invalid_code"));
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
    // Acts first, tells afterwards: a listener finds everything done, and whatever it calls belongs to the new state.
    for (const effect of effects) this.#act(effect);
    if (state !== before) this.#emitter.emit("state", state);
    for (const effect of effects) this.#tell(effect);
  }

  #act(effect: Effect): void {
    switch (effect.type) {
      case "open_state":
        this.#openState();
        return;
      case "open_link":
        this.#openLink();
        return;
      case "drop_link":
        this.#takeLink()?.drop();
        return;
      case "send_hello":
        this.#write(this.#frames.hello());
        return;
      case "send_pair_confirm":
        this.#confirm(effect.code);
        return;
      case "send_auth_request":
        this.#write(this.#frames.authRequest(effect.timestamp));
        return;
      case "send_heartbeat":
        this.#write(this.#frames.heartbeat());
        return;
      case "save_secret":
        this.#saveSecret(effect.secret, effect.pairedAt);
        return;
      case "forget_secret":
        this.#keeper.forgetSecret().catch(warnOfState);
        return;
      case "set_timer":
        this.#timers.set(effect.timer, effect.ms);
        return;
      case "clear_timer":
        this.#timers.clear(effect.timer);
        return;
      case "answer_pair":
        this.#answerPair(effect);
        return;
      case "answer_connect":
        for (const waiter of this.#connecting.splice(0)) waiter.resolve();
        return;
      case "stop":
        this.#stop(effect);
        return;
      case "close":
        this.#close();
        return;
      case "emit":
      case "announce_pairing":
        return;
    }
  }

  #tell(effect: Effect): void {
    if (effect.type === "emit") this.#emitter.emit(effect.emission.name, effect.emission.value);
    if (effect.type !== "announce_pairing") return;
    const { expiresAt, adminNotification } = effect.pairing;
    const fingerprint = this.#keeper.fingerprint ?? "";
    const { identifier } = this.#settings.policy;
    this.#emitter.emit("pairing", { identifier, fingerprint, expiresAt, adminNotification });
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
    const { urls, silenceTimeoutMs, webSocketOptions, clock } = this.#settings;
    const url = urls[this.#opened++ % urls.length] ?? urls[0];
    const malformed = { kind: "malformed", reason: "a node sends no binary frames" } as const;
    try {
      this.#link = new Link(
        { url, silenceTimeoutMs, webSocket: webSocketOptions, clock },
        {
          opened: () => this.#handle({ type: "link_opened" }),
          text: (frame) => this.#handle({ type: "frame", frame: parseNodeFrame(frame) }),
          binary: () => this.#handle({ type: "frame", frame: malformed }),
          silent: () => this.#handle({ type: "link_silent" }),
          ended: (end) => {
            this.#link = undefined;
            this.#handle({ type: "link_ended", end });
          },
        },
      );
    } catch (error) {
      const reason = error instanceof Error ? error.message : "the socket could not be made";
      this.#handle({ type: "link_ended", end: { code: 1006, reason } });
    }
  }

  #takeLink(): Link | undefined {
    const link = this.#link;
    this.#link = undefined;
    return link;
  }

  /** A frame that is not written any more needs no word: the end of its link is told. */
  #write(frame: string | undefined): void {
    if (frame !== undefined) this.#link?.send(frame).catch(() => undefined);
  }

  #canCarry(code: string): boolean {
    try {
      return this.#frames.pairConfirm(code) !== "";
    } catch (error) {
      if (error instanceof EncodeError) return false;
      throw error;
    }
  }

  /** Only after the old secret is gone for good: the code may bring a new one into being. */
  #confirm(code: string): void {
    const link = this.#link;
    const send = () => link?.send(this.#frames.pairConfirm(code));
    this.#keeper
      .settled()
      .then(send)
      .catch(() => undefined);
  }

  #saveSecret(secret: string, pairedAt: number): void {
    this.#keeper.saveSecret(secret, pairedAt).then(
      () => {
        this.#handle({ type: "secret_saved" });
        this.#emitter.emit("paired", { pairedAt });
      },
      (error: unknown) => {
        const reason = error instanceof Error && "code" in error ? String(error.code) : "the secret was not saved";
        this.#handle({ type: "save_failed", reason });
      },
    );
  }

  #answerPair({ error }: Extract<Effect, { type: "answer_pair" }>): void {
    const waiter = this.#pairing;
    this.#pairing = undefined;
    if (error === undefined) waiter?.resolve();
    else waiter?.reject(new PairFailedError(error));
  }

  /** Everybody is told only when the state is written and given back: what they do next may be to end the process. */
  #stop({ code, reason, whatToDo }: Extract<Effect, { type: "stop" }>): void {
    const stop = { code, reason, whatToDo };
    const waiters = this.#connecting.splice(0);
    const cause = this.#openFailure;
    const error = code === "state_refused" && cause !== undefined ? cause : new FollowerStoppedError(stop);
    this.#openFailure = undefined;
    const tell = () => {
      for (const waiter of waiters) waiter.reject(error);
      this.#emitter.emit("stopped", stop);
    };
    this.#keeper.release().catch(warnOfState).then(tell, tell);
  }

  #close(): void {
    const closed = this.#takeLink()?.close();
    this.#gone = Promise.all([closed, this.#keeper.release()]);
    for (const waiter of this.#connecting.splice(0)) waiter.reject(new FollowerClosedError());
  }
}
