import type { ConsoleSession } from "@yonexus/protocol/redis";
import type { WebSocket } from "ws";
import type { Feed } from "./feed.ts";
import { LiveClient } from "./liveClient.ts";
import { LIVE_CLOSE, type Sample, type ViewRequest } from "./liveMessages.ts";
import type { ViewState } from "./viewState.ts";

/** What the hub asks of the rest of the console. */
export interface LiveSources {
  /** What a view shows now. It reads no more than the view has. */
  readonly view: (request: ViewRequest) => Promise<ViewState>;
  /** Redis time (ms), and how many pairings wait. */
  readonly pulse: () => Promise<{ readonly now: number; readonly pairings: number }>;
  /** Which of these sessions there still are. */
  readonly living: (sessions: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly samples: () => readonly Sample[];
  readonly feed: Feed;
}

/** Pages that are open at once, of all sessions. */
const MAX_CLIENTS = 32;
/** Between two looks at what the pages show (ms). */
const TICK_MS = 1_000;
/** Looks that are asked for come no quicker than this (ms). */
const SOON_MS = 50;
/** Status changes that come within this are told together (ms). */
const FEED_MS = 200;

/**
 * The pages that are open. Once a second, and soon after something happened, it looks at what each shows and tells it what is
 * different. Pages that show the same share a look; a page that reads too slowly is told less often, and never more at once.
 */
export class LiveHub {
  readonly #sources: LiveSources;
  readonly #onError: (error: unknown) => void;
  readonly #clients = new Set<LiveClient>();
  #timer: NodeJS.Timeout | undefined;
  #feedTimer: NodeJS.Timeout | undefined;
  #isLooking = false;
  #isAskedFor = false;
  #isStopped = false;

  /** @param onError what could not be read; it is read again. */
  constructor(sources: LiveSources, onError: (error: unknown) => void) {
    this.#sources = sources;
    this.#onError = onError;
  }

  add(socket: WebSocket, session: ConsoleSession): void {
    if (this.#isStopped || this.#clients.size >= MAX_CLIENTS) {
      socket.close(LIVE_CLOSE.tooMany, "too many pages are open");
      return;
    }
    const client = new LiveClient(socket, session.hash, () => this.soon());
    this.#clients.add(client);
    socket.once("close", () => this.#clients.delete(client));
    this.soon();
  }

  /** Something was changed by a page: all of them are to show it at once. */
  changed(): void {
    for (const client of this.#clients) client.hurry();
    this.soon();
  }

  /** A page wants to be told something. */
  soon(): void {
    this.#isAskedFor = true;
    if (!this.#isLooking) this.#plan(SOON_MS);
  }

  /** The feed has something new. */
  fed(): void {
    if (this.#isStopped || this.#clients.size === 0) return;
    this.#feedTimer ??= setTimeout(() => {
      this.#feedTimer = undefined;
      for (const client of this.#clients) client.tellEvents(this.#sources.feed);
    }, FEED_MS);
  }

  /** A sample was taken. */
  sampled(sample: Sample): void {
    for (const client of this.#clients) client.tellSample(sample);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#feedTimer);
    for (const client of this.#clients) client.close(1001, "the coordinator stops");
  }

  #plan(delayMs: number): void {
    if (this.#isStopped || this.#clients.size === 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), delayMs);
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    this.#isAskedFor = false;
    try {
      await this.#tellAll();
    } catch (error) {
      this.#onError(error);
      for (const client of this.#clients) client.tellTrouble("Redis does not answer: what is shown is old.");
    }
    this.#isLooking = false;
    this.#plan(this.#isAskedFor ? SOON_MS : TICK_MS);
  }

  async #tellAll(): Promise<void> {
    const living = await this.#sources.living([...new Set([...this.#clients].map(({ session }) => session))]);
    for (const client of this.#clients) {
      if (!living.has(client.session)) client.close(LIVE_CLOSE.signedOut, "signed out");
    }
    const { now, pairings } = await this.#sources.pulse();
    const views = new Map<string, Promise<ViewState>>();
    const look = (request: ViewRequest): Promise<ViewState> => {
      const key = JSON.stringify(request);
      const view = views.get(key) ?? this.#sources.view(request);
      views.set(key, view);
      return view;
    };
    // All are waited for, so that looks never overlap; what is wrong with one view is told to those who look at it.
    const failures = new Set<unknown>();
    await Promise.all(
      [...this.#clients].map(async (client) => {
        try {
          await client.tell(this.#sources, look);
          client.tellTick(now, pairings);
        } catch (error) {
          failures.add(error);
          // With the next look, however seldom this view is read: until then it is as good as none.
          client.hurry();
          client.tellTrouble("This view could not be read: what is shown is old. The coordinator's log says why.");
        }
      }),
    );
    for (const failure of failures) this.#onError(failure);
  }
}
