import type { AdminRoute } from "@yonexus/protocol/admin";
import {
  byLabel,
  type Counts,
  LATENCY_BOUNDS,
  type Latency,
  MetricSet,
  ONE,
  ProcessMetrics,
  RedisMetrics,
} from "@yonexus/protocol/metrics";
import type { ReceiptOutcome, RedisConnection } from "@yonexus/protocol/redis";
import type { SocketCounts } from "../admission.ts";
import { REFUSAL_CAUSES, type RefusalCause } from "../admission.ts";
import type { AsyncEffect } from "../session/connectionPorts.ts";
import type { ConnectionEvent } from "../session/event.ts";
import { HandshakeMetrics } from "./handshakeMetrics.ts";
import { NodeWorkSums } from "./nodeWork.ts";
import {
  END_REASONS,
  FENCED_STEPS,
  type FencedStep,
  isEndReason,
  MESSAGE_STATES,
  type MessageState,
} from "./series.ts";

/** What is read of the node whenever somebody asks for its metrics. */
export interface NodeReadings {
  /** Sockets that are no WebSocket yet. */
  readonly pendingSockets: () => number;
  readonly sockets: () => SocketCounts;
  readonly sessions: () => number;
  readonly isReady: () => boolean;
  readonly isDraining: () => boolean;
  readonly holdsLease: () => boolean;
}

/** Everything that is counted and timed in a node. Each part declares the few of its methods that it needs. */
export class NodeMetrics {
  /** What the node's lease tells of all this. */
  readonly work = new NodeWorkSums();
  readonly #set = new MetricSet();
  readonly #process = new ProcessMetrics(this.#set);
  readonly #handshakes = new HandshakeMetrics(this.#set);
  #redis: RedisMetrics<string> | undefined;
  readonly #refused: Counts<RefusalCause>;
  readonly #ended: Counts<(typeof END_REASONS)[number]>;
  readonly #messages: Counts<MessageState>;
  readonly #fenced: Counts<FencedStep>;
  readonly #gaps: Counts<"one">;
  readonly #faults: Counts<"one">;
  readonly #delivery: Latency<"route" | "write" | "ack">;

  constructor() {
    const set = this.#set;
    this.#refused = set.counter(
      { name: "yonexus_sockets_refused_total", help: "Sockets that were sent away before they became a WebSocket." },
      byLabel("reason", REFUSAL_CAUSES),
    );
    this.#ended = set.counter(
      { name: "yonexus_sessions_ended_total", help: "Sessions of this node that ended, by the close code's name." },
      byLabel("reason", END_REASONS),
    );
    this.#messages = set.counter(
      {
        name: "yonexus_messages_total",
        help: "Messages to followers (out) and from them (in), by what became of them at this node.",
      },
      MESSAGE_STATES,
    );
    this.#fenced = set.counter(
      { name: "yonexus_fenced_total", help: "What was refused because a newer epoch owns the session." },
      byLabel("step", FENCED_STEPS),
    );
    this.#gaps = set.counter(
      {
        name: "yonexus_gaps_total",
        help: "Ranges of queues that were dropped, as sessions come upon them: their followers are told.",
      },
      ONE,
    );
    this.#faults = set.counter(
      { name: "yonexus_faults_total", help: "Errors of our own making: each is in the log." },
      ONE,
    );
    this.#delivery = set.latency(
      {
        name: "yonexus_delivery_seconds",
        help: "Steps of a delivery. route: from a publish to the node's channel until the node reads it, of a canary of its own. write: from the hand-over to the socket until the operating system takes the bytes, of one message in 16 of a session. ack: from then until the follower acks.",
      },
      byLabel("step", ["route", "write", "ack"]),
      LATENCY_BOUNDS,
    );
  }

  /** The page of a scrape. */
  readonly page: AdminRoute = async () => ({
    status: 200,
    headers: { "content-type": this.#set.contentType },
    body: await this.#set.text(),
  });

  /** @param connections of the node to Redis, by what they are for. @param commands the one that is asked. */
  watchRedis(connections: Readonly<Record<string, RedisConnection>>, commands: RedisConnection): void {
    this.#redis = new RedisMetrics(this.#set, connections, commands);
  }

  read(node: NodeReadings): void {
    const set = this.#set;
    set.gauge(
      {
        name: "yonexus_sockets",
        help: "Open sockets, by what they are: without a request, or a WebSocket at a stage.",
      },
      byLabel("stage", ["pending", "unauthenticated", "pairing", "authenticated"]),
      () => ({ pending: node.pendingSockets(), ...node.sockets() }),
    );
    set.gauge({ name: "yonexus_sessions", help: "Sessions of followers on this node." }, ONE, () => ({
      one: node.sessions(),
    }));
    set.gauge({ name: "yonexus_node_ready", help: "1 when /readyz is green." }, ONE, () => ({
      one: Number(node.isReady()),
    }));
    set.gauge({ name: "yonexus_node_draining", help: "1 when the node stops and takes nobody any more." }, ONE, () => ({
      one: Number(node.isDraining()),
    }));
    set.gauge({ name: "yonexus_node_lease_held", help: "1 while the node's lease cannot have lapsed." }, ONE, () => ({
      one: Number(node.holdsLease()),
    }));
  }

  /** Begins to time what is timed by the clock. */
  start(): void {
    this.#process.start();
    this.#redis?.start();
  }

  stop(): void {
    this.#process.stop();
    this.#redis?.stop();
  }

  socketRefused(cause: RefusalCause): void {
    this.#refused.add(cause);
  }

  /** A step that a connection asked for has ended. */
  performed(effect: AsyncEffect, event: ConnectionEvent): void {
    switch (event.type) {
      case "dispatched":
        this.#messages.add(event.outcome);
        if (event.outcome === "stale") this.#fenced.add("message");
        if (event.outcome === "appended") this.work.received();
        return;
      case "beatRecorded":
        if (event.outcome === "stale") this.#fenced.add("heartbeat");
        return;
      case "reasserted":
        if (event.reassertion.outcome === "superseded") this.#fenced.add("assertion");
        return;
      default:
        this.#handshakes.performed(effect, event);
    }
  }

  overRate(): void {
    this.#messages.add("rate_limited");
  }

  sessionEnded(reason: string): void {
    this.#ended.add(isEndReason(reason) ? reason : "other");
  }

  /** @param hadSession whether it ever authenticated. */
  connectionEnded(hadSession: boolean): void {
    if (!hadSession) this.#handshakes.ended();
  }

  fault(): void {
    this.#faults.add("one");
  }

  /** What became of a live message. @param writeMs from the hand-over to the socket on; undefined when that was not timed. */
  delivered(outcome: ReceiptOutcome, writeMs: number | undefined): void {
    if (outcome === "delivered") {
      this.#messages.add("delivered");
      this.work.sent();
    } else if (outcome === "overloaded") this.#messages.add("not_sent");
    else {
      this.#messages.add("moved");
      this.#fenced.add("delivery");
    }
    if (writeMs !== undefined) this.#delivery.note("write", writeMs);
  }

  /** A canary of the node's own came back on its channel. */
  routed(ms: number): void {
    this.#delivery.note("route", ms);
    this.work.routed(ms);
  }

  /** A queued message left the queue, or was only noted as written. @param ackMs since the socket took it. */
  settled(how: "acked" | "sent" | "rejected", ackMs: number): void {
    this.#messages.add(how === "sent" ? "queued_sent" : how);
    if (how !== "sent") this.#delivery.note("ack", ackMs);
    if (how !== "rejected") this.work.sent();
    if (how === "acked") this.work.acked(ackMs);
  }

  settledStale(): void {
    this.#fenced.add("settlement");
  }

  gapsRead(count: number): void {
    this.#gaps.add("one", count);
  }
}
