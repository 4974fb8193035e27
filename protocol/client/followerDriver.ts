import { EncodeError, type FollowerStatus, parseNodeFrame } from "../wire/index.ts";
import { Emitter, type Listener } from "./emitter.ts";
import { FollowerClosedError, FollowerStoppedError, PairFailedError } from "./errors.ts";
import type { Follower } from "./follower.ts";
import type { FollowerEventName, FollowerEvents } from "./followerEvents.ts";
import { FollowerFrames } from "./followerFrames.ts";
import type { FollowerSettings } from "./followerOptions.ts";
import type { FollowerState } from "./followerState.ts";
import { Links } from "./links.ts";
import { Receiver } from "./receiver.ts";
import { Sender } from "./sender.ts";
import type { SendOptions, SendResult } from "./sendResult.ts";
import { StateKeeper } from "./stateKeeper.ts";
import { Timers } from "./timers.ts";
import { transition } from "./transition.ts";
import type { Effect, Input, TimerName } from "./transitionTypes.ts";
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
  readonly #timers: Timers<TimerName>;
  readonly #links: Links;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #emitter = new Emitter<FollowerEvents>(warnOfListener);
  readonly #inputs: Input[] = [];
  #working = false;
  #state: FollowerState = { phase: "idle" };
  #connecting: Waiter[] = [];
  #pairing: Waiter | undefined;
  #openFailure: Error | undefined;
  #gone: Promise<unknown> = Promise.resolve();

  constructor(settings: FollowerSettings) {
    const { policy, clock } = settings;
    const { identifier, capabilities } = policy;
    this.#settings = settings;
    this.#keeper = new StateKeeper(settings.state, identifier, settings.urls[0]);
    this.#frames = new FollowerFrames(identifier, capabilities, this.#keeper);
    // While there is a socket it keeps the process alive; between two connections nothing else does.
    this.#timers = new Timers(
      clock,
      (timer) => this.#handle({ type: "timer", timer }),
      (timer) => timer === "reconnect",
    );
    const malformed = { kind: "malformed", reason: "a node sends no binary frames" } as const;
    const links = new Links(settings, {
      opened: () => this.#handle({ type: "link_opened" }),
      text: (frame) => this.#handle({ type: "frame", frame: parseNodeFrame(frame) }),
      binary: () => this.#handle({ type: "frame", frame: malformed }),
      silent: () => this.#handle({ type: "link_failed", reason: "nothing was heard of the node" }),
      ended: (end) => this.#handle({ type: "link_ended", end }),
    });
    this.#links = links;
    this.#sender = new Sender(settings, links);
    this.#receiver = new Receiver(clock, this.#emitter, this.#keeper.handled, {
      write: (frame) => links.write(frame),
      giveUpLink: (reason) => this.#handle({ type: "link_failed", reason }),
    });
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
    const remove = this.#emitter.on(name, listener);
    if (name !== "message") return remove;
    this.#receiver.listenersChanged();
    return () => {
      remove();
      this.#receiver.listenersChanged();
    };
  }

  onMessage(listener: (rule: string, content: string) => unknown): () => void {
    return this.on("message", ({ rule, content }) => listener(rule, content));
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

  send(rule: string, content: string, options: SendOptions = {}): Promise<SendResult> {
    return this.#sender.send(this.#state, rule, content, options);
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
    this.#tellSession(before, state);
    if (state !== before) this.#emitter.emit("state", state);
    for (const effect of effects) this.#tell(effect);
  }

  #tellSession(before: FollowerState, state: FollowerState): void {
    if (before.phase !== "authenticated" && state.phase === "authenticated") {
      this.#sender.sessionOpened(state.acks);
    }
    if (before.phase === "authenticated" && state.phase !== "authenticated") {
      this.#sender.sessionEnded();
      this.#receiver.sessionEnded();
    }
    if (state === before) return;
    if (state.phase === "stopped" || state.phase === "closed") this.#sender.giveUp(state.phase === "closed");
  }

  #act(effect: Effect): void {
    switch (effect.type) {
      case "open_state":
        this.#openState();
        return;
      case "open_link":
        this.#links.open();
        return;
      case "drop_link":
        this.#links.drop();
        return;
      case "send_hello":
        this.#links.write(this.#frames.hello());
        return;
      case "send_pair_confirm":
        // Only after the old secret is gone for good: the code may bring a new one into being.
        this.#links.writeAfter(this.#keeper.settled(), () => this.#frames.pairConfirm(effect.code));
        return;
      case "send_auth_request":
        this.#authenticate(effect.timestamp);
        return;
      case "send_heartbeat":
        this.#links.write(this.#frames.heartbeat());
        return;
      case "receive":
        this.#receiver.take(effect.message);
        return;
      case "take_answer":
        this.#sender.take(effect.answer);
        return;
      case "slow_down":
        this.#sender.slowDown();
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

  #authenticate(timestamp: number): void {
    const frame = this.#frames.authRequest(timestamp);
    if (frame !== undefined) this.#links.write(frame);
  }

  #canCarry(code: string): boolean {
    try {
      return this.#frames.pairConfirm(code) !== "";
    } catch (error) {
      if (error instanceof EncodeError) return false;
      throw error;
    }
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
    this.#keeper.release(this.#receiver.settled()).catch(warnOfState).then(tell, tell);
  }

  #close(): void {
    this.#gone = Promise.all([this.#links.close(), this.#keeper.release(this.#receiver.settled())]);
    for (const waiter of this.#connecting.splice(0)) waiter.reject(new FollowerClosedError());
  }
}
