import type { QueueState } from "@yonexus/protocol/redis";
import {
  type CloseReason,
  closeCode,
  disconnectNotice,
  encodeNodeMessage,
  type NodeMessage,
  parseFollowerFrame,
} from "@yonexus/protocol/wire";
import { notAccepted } from "./answers.ts";
import type { AsyncEffect, ConnectionLimits, ConnectionServices } from "./connectionPorts.ts";
import type { ConnectionEvent, Effect } from "./event.ts";
import { FrameQueue } from "./frameQueue.ts";
import { messageIn } from "./inboundMessage.ts";
import { InboundRate } from "./inboundRate.ts";
import { type Delivery, Outbox, type OutboxOwner, type ReportDelivery } from "./outbox.ts";
import type { QueueLink } from "./queueDelivery.ts";
import { Session } from "./session.ts";
import { type ConnectionState, INITIAL_STATE } from "./state.ts";
import { transition } from "./transition.ts";
import type { Transport } from "./transport.ts";

/** How long the admin's notice may take before the follower is told that it is pending. */
const NOTICE_WAIT_MS = 2_500;
/** A peer that does not answer the close frame for so long is cut off. */
const CLOSE_TIMEOUT_MS = 2_000;

/** One socket: drives the pure protocol, frame after frame in order, and does what it asks for. */
export class Connection implements QueueLink, OutboxOwner {
  readonly connectionId: string;
  readonly address: string;
  readonly #transport: Transport;
  readonly #services: ConnectionServices;
  readonly #limits: ConnectionLimits;
  readonly #outbox: Outbox;
  /** These are there while there is something in them: a node holds many sessions, and most are idle. */
  #rate: InboundRate | undefined;
  #frames: FrameQueue | undefined;
  #work: AsyncEffect[] | undefined;
  #state: ConnectionState = INITIAL_STATE;
  /** Known from the hello on. */
  #identifier: string | undefined;
  #session: Session | undefined;
  #trustVersion = "";
  #pumping = false;
  #heard = true;
  /** A message is being handed on: an ordered close waits for how that ends, so that the follower can be told. */
  #dispatching = false;
  #closeAfterDispatch: ConnectionEvent | undefined;
  /** `settled`: it is gone, and so is all that was read from it. */
  #socket: "open" | "gone" | "settled" = "open";
  #deadline: NodeJS.Timeout | undefined;
  #noticeWait: NodeJS.Timeout | undefined;
  #cutOff: NodeJS.Timeout | undefined;

  constructor(
    connectionId: string,
    address: string,
    transport: Transport,
    services: ConnectionServices,
    limits: ConnectionLimits,
  ) {
    this.connectionId = connectionId;
    this.address = address;
    this.#transport = transport;
    this.#services = services;
    this.#limits = limits;
    this.#outbox = new Outbox(transport, limits.maxSendBufferBytes, this);
    this.#setDeadline(limits.handshakeTimeoutMs);
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** A text frame arrived. */
  receive(text: string): void {
    this.#heard = true;
    const now = performance.now();
    if (!this.#inboundRate(now).takeAck(text) && !this.#withinRate(now)) return;
    // After the close frame only a session that is leaving still has a say.
    if (this.#state.phase.name === "closed") return;
    if (this.#pumping) {
      this.#frames ??= new FrameQueue(this.#transport);
      this.#frames.push(text, this.#session === undefined ? "stranger" : "session");
      return;
    }
    this.#pumping = true;
    this.apply({ type: "frame", frame: parseFollowerFrame(text) });
    if (this.#work === undefined) this.#endPump();
    else void this.#pump();
  }

  receiveBinary(): void {
    this.#heard = true;
    if (this.#withinRate(performance.now())) this.apply({ type: "binaryFrame" });
  }

  pong(): void {
    this.#heard = true;
  }

  /** Cuts off a peer of which nothing was heard since the last check, and pings the others. */
  checkAlive(): void {
    if (!this.#heard) {
      this.#transport.terminate();
      return;
    }
    this.#heard = false;
    this.#transport.ping();
    if (this.#rate?.isRested(performance.now()) === true) this.#rate = undefined;
    this.#session?.letGo();
  }

  /** The socket is gone. What was read from it is handed on first: then the session ends. */
  socketClosed(): void {
    this.#socket = "gone";
    this.#outbox.stop();
    this.#session?.leave();
    this.#clearDeadlines();
    clearTimeout(this.#cutOff);
    if (!this.#pumping || this.#state.phase.name !== "active") this.#settle();
  }

  #settle(): void {
    if (this.#socket === "settled") return;
    this.#socket = "settled";
    this.#session?.end();
    this.apply({ type: "socketGone" });
    this.#frames = undefined;
    this.#services.ended(this);
  }

  /** Hands a routed message to the socket. */
  deliver(delivery: Delivery, report: ReportDelivery): void {
    this.#outbox.deliver(delivery, report);
  }

  hasRoom(bytes: number): boolean {
    return this.#outbox.hasRoom(bytes);
  }

  sendQueued(frame: string, onWritten: (error?: Error | null) => void): void {
    if (this.#session?.acks === true) this.#inboundRate(performance.now()).askedForAck();
    this.#transport.send(frame, onWritten);
  }

  tell(frame: string): void {
    this.#transport.send(frame);
  }

  /** Applies what happened, at once, whatever is under way. */
  apply(event: ConnectionEvent): void {
    if (event.type === "closeOrdered" && this.#dispatching) {
      this.#closeAfterDispatch = event;
      return;
    }
    try {
      const { state, effects } = transition(this.#state, event);
      this.#state = state;
      for (const effect of effects) {
        // What one effect led to may have ended the connection: then the others are void.
        if (this.#state !== state) return;
        this.#do(effect);
      }
    } catch (error) {
      // Our own fault, and whatever it is, it ends with this connection and not with the process.
      this.#services.fault(error);
      this.#transport.terminate();
    }
  }

  /** The frames that wait, and the steps that Redis is asked for, one after the other. */
  async #pump(): Promise<void> {
    this.#pumping = true;
    try {
      for (;;) {
        const effect = this.#work?.shift();
        if (effect !== undefined) {
          await this.#step(effect);
          continue;
        }
        const text = this.#frames?.shift();
        if (text === undefined) break;
        this.apply({ type: "frame", frame: parseFollowerFrame(text) });
      }
    } finally {
      this.#endPump();
    }
  }

  #endPump(): void {
    this.#pumping = false;
    this.#work = undefined;
    this.#frames = undefined;
    if (this.#socket === "gone") this.#settle();
  }

  async #step(effect: AsyncEffect): Promise<void> {
    if (effect.do === "dispatch") {
      await this.#dispatch(effect);
      return;
    }
    if (effect.do !== "judgeProof") {
      this.apply(await this.#perform(effect));
      return;
    }
    // What the cluster says of the new session while its claim is under way waits until the session is open here.
    const settle = this.#services.expectSession(effect.peer.identifier);
    try {
      this.apply(await this.#perform(effect));
    } finally {
      settle();
    }
  }

  async #dispatch(effect: AsyncEffect): Promise<void> {
    this.#dispatching = true;
    const event = await this.#perform(effect);
    this.#dispatching = false;
    this.apply(event);
    const close = this.#closeAfterDispatch;
    this.#closeAfterDispatch = undefined;
    if (close !== undefined) this.apply(close);
  }

  async #perform(effect: AsyncEffect): Promise<ConnectionEvent> {
    try {
      return await this.#services.perform(effect, this);
    } catch (error) {
      this.#services.fault(error);
      return { type: "internalFault" };
    }
  }

  #do(effect: Effect): void {
    switch (effect.do) {
      case "send":
        this.#send(effect.message);
        return;
      case "close":
        this.#close(effect.reason, effect.identifier ?? this.#identifier);
        return;
      case "lookUp":
      case "openPairing":
      case "confirmPairing":
      case "grantPairing":
      case "recordBeat":
      case "dispatch":
      case "reassert":
      case "judgeProof":
        if (effect.do === "lookUp") this.#identifier = effect.peer.identifier;
        if (effect.do === "judgeProof") this.#trustVersion = effect.expected.trustVersion;
        this.#work ??= [];
        this.#work.push(effect);
        if (!this.#pumping) void this.#pump();
        return;
      case "waitForNotice":
        this.#noticeWait = setTimeout(() => this.apply({ type: "noticeWaitOver" }), NOTICE_WAIT_MS);
        return;
      case "restartDeadline":
        this.#setDeadline(effect.pairingMs ?? this.#limits.handshakeTimeoutMs);
        return;
      case "openSession":
        this.#openSession(effect.epoch, effect.authenticatedAt, effect.queue);
        return;
      case "settle":
        this.#session?.answered(effect.messageId, effect.rejection, effect.requestId);
        return;
      case "resumeQueue":
        this.#session?.resumeQueue(effect.queue);
        return;
      case "endSession":
        this.#endSession(effect.epoch, effect.reason);
        return;
    }
  }

  #openSession(epoch: number, authenticatedAt: number, queue: QueueState): void {
    const { phase } = this.#state;
    if (phase.name !== "active") return;
    this.#clearDeadlines();
    this.#rate = undefined;
    this.#session = new Session(
      {
        identifier: phase.identifier,
        epoch,
        trustVersion: this.#trustVersion,
        authenticatedAt,
        acks: phase.acks,
      },
      this,
      this.#services.queues,
    );
    this.#services.sessionOpened(this, this.#session);
    this.#session.resumeQueue(queue);
  }

  #endSession(epoch: number, reason: string): void {
    const identifier = this.#identifier;
    if (identifier !== undefined) this.#services.sessionEnded(this, { identifier, epoch }, reason);
  }

  #send(message: NodeMessage): void {
    if (this.#state.phase.name === "closed" && this.#state.phase.reason === "gone") return;
    this.#outbox.answer(encodeNodeMessage({ ...message, timestamp: this.#services.clock.seconds() }));
  }

  #close(reason: CloseReason, identifier: string | undefined): void {
    this.#clearDeadlines();
    if (this.#state.phase.name === "closed") {
      this.#session?.end();
      this.#refuseWaiting();
    } else {
      this.#session?.leave();
    }
    // A paused socket would never see the peer's answer to the close frame.
    this.#frames?.read();
    // The notice names the follower: there is none before its hello.
    if (identifier !== undefined) this.#send(disconnectNotice(identifier, reason));
    this.#transport.close(closeCode(reason), reason);
    this.#cutOff = setTimeout(() => this.#transport.terminate(), CLOSE_TIMEOUT_MS);
  }

  /** What was read and will not be handed on is told to the follower, while it can be told. */
  #refuseWaiting(): void {
    const work = this.#work?.splice(0) ?? [];
    const texts = this.#frames?.drain() ?? [];
    if (this.#session === undefined) return;
    const messages = work.map((effect) => (effect.do === "dispatch" ? effect.message : undefined));
    for (const text of texts) messages.push(messageIn(parseFollowerFrame(text), this.#session.acks));
    for (const message of messages) if (message !== undefined) this.#do(notAccepted(message));
  }

  slow(): void {
    this.apply({ type: "closeOrdered", reason: "slow_consumer" });
    // It does not read: the closing handshake would only wait behind the full buffer.
    this.#transport.terminate();
  }

  #inboundRate(now: number): InboundRate {
    this.#rate ??= new InboundRate(this.#limits.inboundRatePerSecond, this.#limits.inboundBurst, now);
    return this.#rate;
  }

  #withinRate(now: number): boolean {
    switch (this.#inboundRate(now).count(now)) {
      case "within":
        return true;
      case "over":
        this.#services.overRate();
        this.apply({ type: "overRate" });
        return false;
      case "farOver":
        this.#services.overRate();
        this.apply({ type: "closeOrdered", reason: "rate_limited" });
        return false;
    }
  }

  #clearDeadlines(): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#noticeWait);
    // A timer that is cleared and kept would keep what it was made with.
    this.#deadline = undefined;
    this.#noticeWait = undefined;
  }

  #setDeadline(ms: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.apply({ type: "deadlinePassed" }), ms);
  }
}
