import { encodeFollowerMessage, type NodeMessageOf } from "../wire/index.ts";
import type { FollowerClock } from "./clock.ts";
import type { Emitter, Listener } from "./emitter.ts";
import type { FollowerEvents } from "./followerEvents.ts";
import type { HandledIds } from "./handledIds.ts";
import { emptyInbox, type InboxEffect, type InboxInput, inboxStep, type QueuedMessage } from "./inbox.ts";
import { warnOfState, warnOfUnheard } from "./warnings.ts";

/** How long the end of a follower waits for the listener that runs, so that what it does is remembered. */
const LAST_HANDLER_MS = 5_000;

/** What a receiver needs of its follower. */
export interface ReceiverPorts {
  /** A frame that is not written any more needs no word. */
  write(frame: string): void;
  /** The link is to be given up. */
  giveUpLink(reason: string): void;
}

/** Carries out what the pure inbox decides: the listeners, the memory of what was handled, the answers. */
export class Receiver {
  readonly #clock: FollowerClock;
  readonly #emitter: Emitter<FollowerEvents>;
  readonly #handled: HandledIds;
  readonly #ports: ReceiverPorts;
  #state = emptyInbox;
  #endPause: () => void = () => undefined;
  /** Listeners that have handled the message which others failed to handle. */
  #done = new Set<Listener<FollowerEvents["message"]>>();
  /** The work on the first message, while there is any. */
  #work: Promise<void> | undefined;

  constructor(clock: FollowerClock, emitter: Emitter<FollowerEvents>, handled: HandledIds, ports: ReceiverPorts) {
    this.#clock = clock;
    this.#emitter = emitter;
    this.#handled = handled;
    this.#ports = ports;
  }

  take(message: NodeMessageOf<"message" | "gap">): void {
    if (message.type === "gap") this.#handle({ type: "gap", gap: message.payload });
    else this.#handle({ type: "message", message: message.payload, handled: this.#handled.has(message.payload.id) });
  }

  sessionEnded(): void {
    this.#handle({ type: "session_ended" });
  }

  listenersChanged(): void {
    this.#handle({ type: "listeners", any: this.#emitter.has("message") });
  }

  /** Resolves when no listener runs on a queued message; after 5 s at the latest. */
  async settled(): Promise<void> {
    if (this.#work === undefined) return;
    let cancel: () => void = () => undefined;
    let isLate = false;
    const late = new Promise<void>((resolve) => {
      cancel = this.#clock.after(LAST_HANDLER_MS, resolve, true);
    }).then(() => {
      isLate = true;
    });
    // What was handled is remembered next, which is work again.
    while (this.#work !== undefined && !isLate) await Promise.race([this.#work, late]);
    cancel();
  }

  #handle(input: InboxInput): void {
    const { state, effects } = inboxStep(this.#state, input);
    this.#state = state;
    for (const effect of effects) this.#act(effect);
  }

  #act(effect: InboxEffect): void {
    switch (effect.type) {
      case "handle":
        if (!effect.again) this.#done = new Set();
        this.#begin(this.#deliver(effect.message));
        return;
      case "remember":
        this.#begin(this.#remember(effect.id));
        return;
      case "answer":
        this.#ports.write(ackFrame(effect.id, effect.status));
        return;
      case "pause":
        this.#endPause = this.#clock.after(effect.ms, () => this.#handle({ type: "pause_over" }), false);
        return;
      case "end_pause":
        this.#endPause();
        return;
      case "emit":
        this.#emitter.emit(effect.emission.name, effect.emission.value);
        return;
      case "warn_unheard":
        warnOfUnheard();
        return;
      case "overrun":
        this.#ports.giveUpLink("the node sent more messages than may be without an ack");
        return;
    }
  }

  #begin(work: Promise<void>): void {
    this.#work = work;
    const over = () => {
      if (this.#work === work) this.#work = undefined;
    };
    work.then(over, over);
  }

  async #deliver({ id, seq, rule, content }: QueuedMessage): Promise<void> {
    // Not at once: the listener may just be being added, by a program that does not have what removes it yet.
    await Promise.resolve();
    if (!this.#emitter.has("message")) {
      this.#handle({ type: "unheard" });
      return;
    }
    const ok = await this.#emitter.deliver("message", { rule, content, id, seq }, this.#done);
    this.#handle({ type: "handled", ok });
  }

  /** What could not be written is remembered in memory; to hold back the ack would bring the message back for ever. */
  async #remember(id: string): Promise<void> {
    await this.#handled.remember(id).catch(warnOfState);
    this.#handle({ type: "remembered" });
  }
}

function ackFrame(id: string, status: "accepted" | "rejected"): string {
  // The reason is no error's text: that may quote what was received.
  const payload = status === "accepted" ? { id } : ({ id, status, reason: "handler_failed" } as const);
  return encodeFollowerMessage({ type: "message_ack", payload });
}
