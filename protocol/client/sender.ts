import { encodeApplication } from "../wire/basics.ts";
import type { NodeMessageOf } from "../wire/index.ts";
import {
  DeliveryUnknownError,
  FollowerClosedError,
  IdConflictError,
  MessageTooLargeError,
  NotConnectedError,
  OverloadedError,
  UnknownRuleError,
} from "./errors.ts";
import { type FollowerSettings, positive } from "./followerOptions.ts";
import type { FollowerState } from "./followerState.ts";
import type { Links } from "./links.ts";
import { emptyOutbox, type OutboxEffect, type OutboxInput, outboxStep, type SendOutcome } from "./outbox.ts";
import { type OutgoingMessage, outgoingMessage } from "./outgoingMessage.ts";
import type { SendOptions, SendResult } from "./sendResult.ts";
import { Timers } from "./timers.ts";

const DEFAULT_TIMEOUT_MS = 30_000;

interface Waiter {
  resolve(result: SendResult): void;
  reject(error: Error): void;
}

type TimerName = `timeout ${string}` | `rule ${string}` | "interval";

/**
 * Sends the messages of a follower, as its session allows. It carries out what the pure outbox decides: the frames, the timers,
 * and who waits for an answer.
 */
export class Sender {
  readonly #settings: FollowerSettings;
  readonly #links: Links;
  readonly #timers: Timers<TimerName>;
  readonly #waiters = new Map<string, { readonly message: OutgoingMessage; readonly all: Waiter[] }>();
  #state = emptyOutbox;
  #bytes = 0;
  /** Whether the last session had acks; as long as there was none, whether they are asked for. */
  #expectsAcks: boolean;
  #closed = false;

  constructor(settings: FollowerSettings, links: Links) {
    this.#settings = settings;
    this.#links = links;
    this.#expectsAcks = settings.policy.capabilities.includes("ack");
    this.#timers = new Timers(
      settings.clock,
      (name) => this.#due(name),
      () => false,
    );
  }

  /** @param state where the follower is. See `Follower.send` for the errors. */
  async send(state: FollowerState, rule: string, content: string, options: SendOptions): Promise<SendResult> {
    const timeoutMs = positive(options.timeoutMs ?? DEFAULT_TIMEOUT_MS, "timeoutMs");
    const message = outgoingMessage(rule, content, options.id);
    const { phase } = state;
    const mayComeBack = phase !== "idle" && phase !== "stopped" && phase !== "closed";
    if (phase === "authenticated" ? state.acks : mayComeBack && this.#expectsAcks) {
      this.#checkLength(message.bytes);
      return this.#sendWithAck(message, timeoutMs);
    }
    if (phase !== "authenticated") throw new NotConnectedError();
    await this.#sendPlain(message);
    return { reached: "written" };
  }

  /** Now or in the next session. */
  #sendWithAck(message: OutgoingMessage, timeoutMs: number): Promise<SendResult> {
    const { id, rule, content, bytes } = message;
    const { maxUnanswered, maxBufferedBytes } = this.#settings;
    return new Promise((resolve, reject) => {
      const same = this.#waiters.get(id);
      if (same !== undefined) {
        // The answer names the id alone, so that one id stands for one message while it is unanswered.
        if (same.message.rule !== rule || same.message.content !== content) reject(new IdConflictError(id));
        else if (same.all.length >= maxUnanswered)
          reject(new OverloadedError(`${maxUnanswered} sends wait for one answer`));
        else same.all.push({ resolve, reject });
        return;
      }
      if (this.#waiters.size >= maxUnanswered) {
        reject(new OverloadedError(`${maxUnanswered} messages wait for an answer`));
        return;
      }
      if (this.#bytes + bytes > maxBufferedBytes) {
        reject(new OverloadedError(`more than ${maxBufferedBytes} bytes wait for an answer`));
        return;
      }
      this.#bytes += bytes;
      this.#waiters.set(id, { message, all: [{ resolve, reject }] });
      this.#timers.set(`timeout ${id}`, timeoutMs);
      this.#handle({ type: "send", message });
    });
  }

  async #sendPlain({ rule, content }: OutgoingMessage): Promise<void> {
    const { maxBufferedBytes } = this.#settings;
    const frame = encodeApplication(rule, content);
    const bytes = Buffer.byteLength(frame);
    this.#checkLength(bytes);
    if (this.#links.bufferedBytes + bytes > maxBufferedBytes) {
      throw new OverloadedError(`more than ${maxBufferedBytes} bytes wait for the network`);
    }
    await this.#links.send(frame).catch(() => {
      throw new NotConnectedError("The connection ended before the message was written. Send it again when connected.");
    });
  }

  #checkLength(bytes: number): void {
    const { maxFrameBytes } = this.#settings;
    if (bytes > maxFrameBytes) throw new MessageTooLargeError(bytes, maxFrameBytes);
  }

  sessionOpened(acks: boolean): void {
    this.#expectsAcks = acks;
    this.#handle({ type: "session", acks });
  }

  sessionEnded(): void {
    this.#handle({ type: "session_ended" });
  }

  take(answer: NodeMessageOf<"message_ack">["payload"]): void {
    this.#handle({ type: "answer", answer, random: this.#settings.random() });
  }

  slowDown(): void {
    this.#handle({ type: "slow_down" });
  }

  /** Everybody who waits is told. @param closed whether the follower is closed for good. */
  giveUp(closed: boolean): void {
    this.#closed = closed;
    this.#handle({ type: "give_up" });
  }

  #handle(input: OutboxInput): void {
    const { state, effects } = outboxStep(this.#state, input);
    this.#state = state;
    for (const effect of effects) this.#act(effect);
  }

  #act(effect: OutboxEffect): void {
    switch (effect.type) {
      case "write":
        this.#links.write(effect.message.frame);
        return;
      case "write_plain":
        this.#writePlain(effect.message);
        return;
      case "settle":
        this.#settle(effect.id, effect.outcome);
        return;
      case "pause_rule":
        this.#timers.set(`rule ${effect.rule}`, effect.ms);
        return;
      case "set_interval":
        this.#timers.set("interval", effect.ms);
        return;
      case "clear_pauses":
        this.#timers.clearAll((name) => !name.startsWith("timeout "));
        return;
    }
  }

  #due(name: TimerName): void {
    if (name === "interval") this.#handle({ type: "interval_over" });
    else if (name.startsWith("rule ")) this.#handle({ type: "rule_pause_over", rule: name.slice(5) });
    else this.#handle({ type: "timed_out", id: name.slice(8) });
  }

  #writePlain(message: OutgoingMessage): void {
    const all = this.#takeWaiters(message.id);
    this.#sendPlain(message).then(
      () => {
        for (const { resolve } of all) resolve({ reached: "written" });
      },
      (error: Error) => {
        for (const { reject } of all) reject(error);
      },
    );
  }

  #settle(id: string, outcome: SendOutcome): void {
    const rule = this.#waiters.get(id)?.message.rule ?? "";
    for (const { resolve, reject } of this.#takeWaiters(id)) {
      switch (outcome.type) {
        case "accepted":
          resolve({ reached: "accepted", messageId: id, duplicate: outcome.duplicate });
          break;
        case "unknown_rule":
          reject(new UnknownRuleError(rule));
          break;
        case "id_conflict":
          reject(new IdConflictError(id));
          break;
        case "unknown":
          reject(new DeliveryUnknownError(id));
          break;
        case "not_sent":
          reject(this.#notSent());
          break;
      }
    }
  }

  #notSent(): Error {
    if (this.#closed) return new FollowerClosedError();
    if (this.#state.session === "acks") return new OverloadedError("earlier messages still wait for an answer");
    return new NotConnectedError("There was no session in time, and the message was not sent. Send it again later.");
  }

  #takeWaiters(id: string): readonly Waiter[] {
    const found = this.#waiters.get(id);
    this.#waiters.delete(id);
    this.#timers.clear(`timeout ${id}`);
    this.#bytes -= found?.message.bytes ?? 0;
    return found?.all ?? [];
  }
}
