import type { QueueState } from "@yonexus/protocol/redis";
import {
  type CloseReason,
  closeCode,
  disconnectNotice,
  encodeNodeMessage,
  type FollowerMessage,
  type NodeMessage,
  type ParsedFrame,
  parseFollowerFrame,
} from "@yonexus/protocol/wire";
import { inboundMessage, notAccepted } from "./answers.ts";
import type { AsyncEffect, ConnectionLimits, ConnectionServices, Session } from "./connectionPorts.ts";
import type { QueuedMessage } from "./deliveryWindow.ts";
import type { ConnectionEvent, Effect, InboundMessage } from "./event.ts";
import { FrameQueue } from "./frameQueue.ts";
import { InboundRate } from "./inboundRate.ts";
import { type Delivery, Outbox, type ReportDelivery } from "./outbox.ts";
import { QueueDelivery, type QueueLink } from "./queueDelivery.ts";
import { type ConnectionState, INITIAL_STATE } from "./state.ts";
import { transition } from "./transition.ts";
import type { Transport } from "./transport.ts";

/** How long the admin's notice may take before the follower is told that it is pending. */
const NOTICE_WAIT_MS = 2_500;
/** A peer that does not answer the close frame for so long is cut off. */
const CLOSE_TIMEOUT_MS = 2_000;

/** One socket: drives the pure protocol, frame after frame in order, and does what it asks for. */
export class Connection implements QueueLink {
  readonly connectionId: string;
  readonly address: string;
  readonly #transport: Transport;
  readonly #services: ConnectionServices;
  readonly #limits: ConnectionLimits;
  readonly #outbox: Outbox;
  readonly #rate: InboundRate;
  readonly #frames: FrameQueue;
  readonly #work: AsyncEffect[] = [];
  #state: ConnectionState = INITIAL_STATE;
  /** Known from the hello on. */
  #identifier: string | undefined;
  #session: Session | undefined;
  /** There is one while something of the follower's queue is being delivered. */
  #queue: QueueDelivery | undefined;
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
    this.#frames = new FrameQueue(transport);
    this.#outbox = new Outbox(transport, limits.maxSendBufferBytes, () => this.#slow());
    this.#rate = new InboundRate(limits.inboundRatePerSecond, limits.inboundBurst, performance.now());
    this.#setDeadline(limits.handshakeTimeoutMs);
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** A text frame arrived. */
  receive(text: string): void {
    this.#heard = true;
    if (!this.#rate.takeAck(text) && !this.#withinRate()) return;
    // After the close frame only a session that is leaving still has a say.
    if (this.#state.phase.name === "closed") return;
    this.#frames.push(text, this.#session === undefined ? "stranger" : "session");
    if (!this.#pumping) void this.#pump();
  }

  receiveBinary(): void {
    this.#heard = true;
    if (this.#withinRate()) this.apply({ type: "binaryFrame" });
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
    this.#letGoOfQueue();
  }

  /** The socket is gone. What was read from it is handed on first: then the session ends. */
  socketClosed(): void {
    this.#socket = "gone";
    this.#outbox.stop();
    this.#queue?.leave();
    clearTimeout(this.#deadline);
    clearTimeout(this.#noticeWait);
    clearTimeout(this.#cutOff);
    if (!this.#pumping || this.#state.phase.name !== "active") this.#settle();
  }

  #settle(): void {
    if (this.#socket === "settled") return;
    this.#socket = "settled";
    this.#queue?.stop();
    this.apply({ type: "socketGone" });
    this.#frames.drain();
    this.#services.ended(this);
  }

  /** Hands a routed message to the socket. */
  deliver(delivery: Delivery, report: ReportDelivery): void {
    this.#outbox.deliver(delivery, report);
  }

  /** A message was queued for the session's follower. */
  queued(message: QueuedMessage): void {
    this.#openQueue()?.queued(message);
  }

  /** Something was queued for the session's follower, or dropped from its queue. */
  queueChanged(): void {
    this.#openQueue()?.fallBehind();
  }

  hasRoom(bytes: number): boolean {
    return this.#outbox.hasRoom(bytes);
  }

  sendQueued(frame: string, onWritten: (error?: Error | null) => void): void {
    if (this.#session?.acks === true) this.#rate.askedForAck();
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
        const effect = this.#work.shift();
        if (effect !== undefined) {
          await this.#step(effect);
          continue;
        }
        const text = this.#frames.shift();
        if (text === undefined) break;
        this.apply({ type: "frame", frame: parseFollowerFrame(text) });
      }
    } finally {
      this.#pumping = false;
    }
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
      case "recordBeat":
      case "dispatch":
      case "reassert":
      case "judgeProof":
        if (effect.do === "lookUp") this.#identifier = effect.peer.identifier;
        if (effect.do === "judgeProof") this.#trustVersion = effect.expected.trustVersion;
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
        this.#openQueue()?.answered(effect.messageId, effect.rejection, effect.requestId);
        return;
      case "resumeQueue":
        this.#resumeQueue(effect.queue);
        return;
      case "endSession":
        this.#endSession(effect.epoch, effect.reason);
        return;
    }
  }

  #openSession(epoch: number, authenticatedAt: number, queue: QueueState): void {
    const { phase } = this.#state;
    if (phase.name !== "active") return;
    clearTimeout(this.#deadline);
    clearTimeout(this.#noticeWait);
    this.#session = {
      identifier: phase.identifier,
      epoch,
      trustVersion: this.#trustVersion,
      authenticatedAt,
      heardAt: performance.now(),
      acks: phase.acks,
      queueSettledTo: queue.lastSeq,
    };
    this.#services.sessionOpened(this, this.#session);
    if (isOpen(queue)) this.#openQueue(queue);
  }

  /** The delivery of the follower's queue, made when there is something to deliver; undefined when the session is over. */
  #openQueue(queue?: QueueState): QueueDelivery | undefined {
    const { phase } = this.#state;
    if (phase.name !== "active" || this.#session === undefined) return undefined;
    this.#queue ??= new QueueDelivery(
      this.#session,
      queue ?? { lastSeq: this.#session.queueSettledTo, waiting: 0, gaps: 0 },
      this,
      this.#services.queues,
    );
    if (phase.leaving !== undefined) this.#queue.leave();
    return this.#queue;
  }

  #resumeQueue(queue: QueueState): void {
    if (this.#queue !== undefined) this.#queue.resume(queue);
    else if (isOpen(queue)) this.#openQueue(queue);
    else if (this.#session !== undefined) this.#session = { ...this.#session, queueSettledTo: queue.lastSeq };
  }

  /** What an idle session does not need, it does not keep. */
  #letGoOfQueue(): void {
    const idleAt = this.#queue?.idleAt;
    if (idleAt === undefined || this.#session === undefined) return;
    this.#queue = undefined;
    this.#session = { ...this.#session, queueSettledTo: idleAt };
  }

  /** Notes a heartbeat by this process' own clock: what Redis misses while it is away is told to it afterwards. */
  noteHeartbeat(): void {
    if (this.#session !== undefined) this.#session = { ...this.#session, heardAt: performance.now() };
  }

  #endSession(epoch: number, reason: string): void {
    const identifier = this.#identifier;
    if (identifier !== undefined) this.#services.sessionEnded(this, { identifier, epoch }, reason);
  }

  #send(message: NodeMessage): void {
    if (this.#state.phase.name === "closed" && this.#state.phase.reason === "gone") return;
    this.#outbox.answer(encodeNodeMessage({ ...message, timestamp: Math.floor(Date.now() / 1000) }));
  }

  #close(reason: CloseReason, identifier: string | undefined): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#noticeWait);
    if (this.#state.phase.name === "closed") {
      this.#queue?.stop();
      this.#refuseWaiting();
    } else {
      this.#queue?.leave();
    }
    // A paused socket would never see the peer's answer to the close frame.
    this.#frames.read();
    // The notice names the follower: there is none before its hello.
    if (identifier !== undefined) this.#send(disconnectNotice(identifier, reason));
    this.#transport.close(closeCode(reason), reason);
    this.#cutOff = setTimeout(() => this.#transport.terminate(), CLOSE_TIMEOUT_MS);
  }

  /** What was read and will not be handed on is told to the follower, while it can be told. */
  #refuseWaiting(): void {
    const work = this.#work.splice(0);
    const texts = this.#frames.drain();
    if (this.#session === undefined) return;
    const messages = work.map((effect) => (effect.do === "dispatch" ? effect.message : undefined));
    for (const text of texts) messages.push(messageIn(parseFollowerFrame(text), this.#session.acks));
    for (const message of messages) if (message !== undefined) this.#do(notAccepted(message));
  }

  #slow(): void {
    this.apply({ type: "closeOrdered", reason: "slow_consumer" });
    // It does not read: the closing handshake would only wait behind the full buffer.
    this.#transport.terminate();
  }

  #withinRate(): boolean {
    switch (this.#rate.count(performance.now())) {
      case "within":
        return true;
      case "over":
        this.apply({ type: "overRate" });
        return false;
      case "farOver":
        this.apply({ type: "closeOrdered", reason: "rate_limited" });
        return false;
    }
  }

  #setDeadline(ms: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.apply({ type: "deadlinePassed" }), ms);
  }
}

/** The message under a rule that a frame of a session is, if it is one. */
function messageIn(frame: ParsedFrame<FollowerMessage>, acks: boolean): InboundMessage | undefined {
  if (frame.kind === "application") return { rule: frame.rule, content: frame.content };
  return frame.kind === "builtin" && frame.message.type === "message" && acks
    ? inboundMessage(frame.message)
    : undefined;
}

/** Whether there is something to deliver. */
function isOpen({ waiting, gaps }: QueueState): boolean {
  return waiting > 0 || gaps > 0;
}
