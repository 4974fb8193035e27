import { isIdentifier } from "@yonexus/protocol/wire/basics";
import type { RawData, WebSocket } from "ws";
import type { Feed } from "./feed.ts";
import {
  type LiveMessage,
  type Sample,
  STATUS_FILTERS,
  type StatusFilter,
  type ViewRequest,
  type Watch,
} from "./liveMessages.ts";
import { changesOf, type ViewState } from "./viewState.ts";

/** A page gets nothing new while so much waits to be sent to it (bytes). */
const BUSY_BYTES = 262_144;
/** A page that takes nothing for so long is cut off (ms). */
const STUCK_MS = 30_000;
/** Messages that a page may send within a second. */
const MAX_MESSAGES = 20;
/** Events that are told at once. */
const MAX_EVENTS = 200;
/** How often views are looked at (ms): those that read more, less often. */
const EVERY_MS = { overview: 1_000, pairings: 1_000, follower: 1_000, followers: 2_000, feed: 1_000 } as const;
const FILTERED_EVERY_MS = 5_000;

/** One page that is open: what it wants to see, and what it was told of it. */
export class LiveClient {
  /** The session that it belongs to, by its hash. */
  readonly session: string;
  readonly #socket: WebSocket;
  readonly #onWatch: () => void;
  #watch: Watch | undefined;
  #state: ViewState | undefined;
  #dueAt = 0;
  #feedPlace = 0;
  #stuckSince: number | undefined;
  #second = { began: 0, messages: 0 };

  constructor(socket: WebSocket, session: string, onWatch: () => void) {
    this.#socket = socket;
    this.session = session;
    this.#onWatch = onWatch;
    socket.on("message", (data, isBinary) => this.#heard(data, isBinary));
    // What goes wrong with a socket ends it, and `close` says so.
    socket.on("error", () => undefined);
  }

  /** Tells the page what is different in its view, when it is time for that. */
  async tell(sources: { readonly samples: () => readonly Sample[]; readonly feed: Feed }, look: Look): Promise<void> {
    const watch = this.#watch;
    const now = performance.now();
    if (watch === undefined || now < this.#dueAt || this.#isBusy()) return;
    this.#dueAt = now + everyMs(watch.request) - 50;
    const state = await look(watch.request);
    // Another view was asked for meanwhile.
    if (this.#watch !== watch) return;
    const before = this.#state;
    this.#state = state;
    if (before === undefined) {
      this.#send({ type: "whole", watch: watch.watch, state });
      if (watch.request.view === "overview") this.#send({ type: "samples", all: true, samples: sources.samples() });
      if (watch.request.view === "feed") {
        this.#feedPlace = Math.max(0, sources.feed.place - MAX_EVENTS);
        this.tellEvents(sources.feed);
      }
      return;
    }
    const changes = changesOf(before, state);
    if (changes !== undefined) this.#send({ type: "changes", watch: watch.watch, changes });
  }

  /** What the page shows is looked at again with the next look, however soon that is. */
  hurry(): void {
    this.#dueAt = 0;
  }

  tellTick(now: number, pairings: number): void {
    if (!this.#isBusy()) this.#send({ type: "tick", now, pairings });
  }

  tellTrouble(trouble: string): void {
    if (!this.#isBusy()) this.#send({ type: "tick", now: 0, pairings: 0, trouble });
  }

  tellSample(sample: Sample): void {
    if (this.#watch?.request.view !== "overview" || this.#state === undefined || this.#isBusy()) return;
    this.#send({ type: "samples", all: false, samples: [sample] });
  }

  /** A page that is busy hears of it with the next event: of many, the newest. */
  tellEvents(feed: Feed): void {
    if (this.#watch?.request.view !== "feed" || this.#state === undefined || this.#isBusy()) return;
    const { events, missed } = feed.after(this.#feedPlace, MAX_EVENTS);
    this.#feedPlace = feed.place;
    if (events.length > 0) this.#send({ type: "events", missed, events });
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  #heard(data: RawData, isBinary: boolean): void {
    const now = performance.now();
    if (now - this.#second.began >= 1_000) this.#second = { began: now, messages: 0 };
    this.#second.messages += 1;
    const watch = isBinary ? undefined : parseWatch(String(data));
    if (watch === undefined || this.#second.messages > MAX_MESSAGES) {
      this.close(1008, "that is nothing that the page of the console says");
      return;
    }
    this.#watch = watch;
    this.#state = undefined;
    this.#dueAt = 0;
    this.#onWatch();
  }

  #isBusy(): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return true;
    if (this.#socket.bufferedAmount <= BUSY_BYTES) {
      this.#stuckSince = undefined;
      return false;
    }
    this.#stuckSince ??= performance.now();
    if (performance.now() - this.#stuckSince > STUCK_MS) this.#socket.terminate();
    return true;
  }

  #send(message: LiveMessage): void {
    this.#socket.send(JSON.stringify(message), () => undefined);
  }
}

type Look = (request: ViewRequest) => Promise<ViewState>;

function everyMs(request: ViewRequest): number {
  return request.view === "followers" && request.status !== "all" ? FILTERED_EVERY_MS : EVERY_MS[request.view];
}

/** Reads what a page sent; undefined when it is something else. */
function parseWatch(text: string): Watch | undefined {
  const message = asObject(parseJson(text));
  const request = parseRequest(asObject(message?.request));
  const watch = message?.watch;
  if (request === undefined || typeof watch !== "number" || !Number.isSafeInteger(watch)) return undefined;
  return { watch, request };
}

function parseRequest(value: Readonly<Record<string, unknown>> | undefined): ViewRequest | undefined {
  switch (value?.view) {
    case "overview":
    case "pairings":
    case "feed":
      return { view: value.view };
    case "follower": {
      const { identifier } = value;
      return typeof identifier === "string" && isIdentifier(identifier) ? { view: "follower", identifier } : undefined;
    }
    case "followers": {
      const { prefix, after } = value;
      const status = statusFilter(value.status);
      if (!isIdentifierOrEmpty(prefix) || !isIdentifierOrEmpty(after) || status === undefined) return undefined;
      return { view: "followers", prefix, after, status };
    }
    default:
      return undefined;
  }
}

function isIdentifierOrEmpty(value: unknown): value is string {
  return typeof value === "string" && (value === "" || isIdentifier(value));
}

function statusFilter(value: unknown): StatusFilter | undefined {
  return STATUS_FILTERS.find((filter) => filter === value);
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null ? { ...value } : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
