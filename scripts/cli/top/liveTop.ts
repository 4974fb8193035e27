import { plainText } from "@yonexus/protocol/operator";
import { explainConnection, outageReason, Subscription } from "@yonexus/protocol/redis";
import type { ClusterAccess } from "../clusterAccess.ts";
import type { JobCount } from "../jobCounts.ts";
import { onReaderGone } from "../output.ts";
import { onStopSignal } from "../stopSignals.ts";
import { type PressedKey, Terminal } from "./terminal.ts";
import { TopReader } from "./topReader.ts";
import { staleText } from "./topRows.ts";
import { drawTop, pagesOf, shareSpace, sizesOf } from "./topScreen.ts";
import type { TopSnapshot } from "./topSnapshot.ts";
import { FIRST_VIEW, type TopKey, type TopPages, type TopView, turn, withinPages } from "./topView.ts";

const PERIOD_MS = 1_000;
/** Keys that are held down ask for no more looks than this (ms). */
const SOONEST_MS = 100;

const KEYS: Readonly<Record<string, TopKey>> = {
  left: "left",
  right: "right",
  up: "up",
  down: "down",
  pageup: "up",
  pagedown: "down",
  home: "home",
  end: "end",
  tab: "tab",
};

/** The live table, until the person leaves it. The terminal is as it was then, however it ends. */
export class LiveTop {
  readonly #cluster: ClusterAccess;
  readonly #reader: TopReader;
  readonly #terminal: Terminal;
  readonly #ended = Promise.withResolvers<void>();
  #isOver = false;
  #view: TopView = FIRST_VIEW;
  #snapshot: TopSnapshot | undefined;
  #readAt = performance.now();
  #countedAt = Number.NEGATIVE_INFINITY;
  #jobs: readonly JobCount[] | undefined;
  #trouble: string | undefined;
  /** A key asked for a look that did not begin yet. */
  #isAsked = false;
  #wake: () => void = () => {};

  constructor(cluster: ClusterAccess) {
    const { redis, keys, config } = cluster;
    this.#cluster = cluster;
    this.#reader = new TopReader({ redis, keys, leaseMs: config.leaseMs, unstableAfterMs: config.unstableAfterMs });
    this.#terminal = new Terminal({
      onKey: (key) => this.#press(key),
      onResize: () => this.#refreshSoon(),
      onGone: () => this.#end(),
    });
  }

  /** Resolves when the person left. */
  async run(): Promise<void> {
    onStopSignal({ stop: () => this.#end(), force: () => process.exit(1) });
    process.on("SIGQUIT", () => this.#end());
    onReaderGone(() => this.#end());
    this.#terminal.enter();
    try {
      this.#listen();
      this.#countJobs();
      while (!this.#isOver) {
        const began = performance.now();
        await Promise.race([this.#refresh(), this.#ended.promise]);
        await this.#pause(began);
      }
    } finally {
      this.#terminal.leave();
    }
  }

  #end(): void {
    this.#isOver = true;
    this.#ended.resolve();
  }

  /** Changes are told at once where they can be; without them the count tells them a lap later. */
  #listen(): void {
    const subscriber = this.#cluster.connect("subscriber");
    Subscription.open(subscriber, this.#cluster.keys.events, (text) => this.#reader.hear(text)).catch(() => undefined);
  }

  /** BullMQ takes its time to load, and the table is there before. */
  #countJobs(): void {
    const count = async (): Promise<void> => {
      const { JobCounts } = await import("../jobCounts.ts");
      const counts = new JobCounts(this.#cluster.connect("producer"), this.#cluster.keys);
      while (!this.#isOver) {
        this.#jobs = await counts.read().catch(() => this.#jobs);
        await Promise.race([new Promise((resolve) => setTimeout(resolve, PERIOD_MS)), this.#ended.promise]);
      }
      await counts.close();
    };
    count().catch(() => undefined);
  }

  async #refresh(): Promise<void> {
    this.#isAsked = false;
    try {
      if (performance.now() - this.#countedAt >= PERIOD_MS * 0.9) {
        this.#countedAt = performance.now();
        await this.#reader.count();
      }
      // No table can show more rows than the screen has.
      const { rows } = this.#terminal.size;
      this.#snapshot = await this.#reader.look(this.#view, { rules: rows, followers: rows }, this.#jobs);
      this.#view = withinPages(this.#view, this.#pages(this.#snapshot));
      this.#readAt = performance.now();
      this.#trouble = undefined;
    } catch (error) {
      const reason = explainConnection(error)?.found ?? outageReason(error);
      const why = reason === undefined ? "" : `: ${plainText(reason)}`;
      // The reason last: a narrow screen cuts it off.
      this.#trouble = `Redis at ${this.#cluster.place} does not answer; ${staleText(performance.now() - this.#readAt)}${why}.`;
    }
    this.#draw();
  }

  #pages(snapshot: TopSnapshot): TopPages {
    return pagesOf(snapshot, shareSpace(this.#terminal.size, sizesOf(snapshot)));
  }

  #draw(): void {
    if (this.#snapshot === undefined) return;
    const { place, keys } = this.#cluster;
    const title = `yonexus top · ${place} · keys under "${keys.prefix}"`;
    this.#terminal.draw(
      drawTop(this.#snapshot, this.#view.focus, this.#terminal.size, { title, trouble: this.#trouble }),
    );
  }

  #press({ name = "", ctrl = false, sequence = "" }: PressedKey): void {
    // Ctrl-C, Ctrl-D and Ctrl-\ are keys in raw mode.
    if (name === "q" || (ctrl && ["c", "d", "\\"].includes(name)) || sequence === "\u001c") {
      this.#end();
      return;
    }
    const key = ctrl ? undefined : KEYS[name];
    if (key === undefined || this.#snapshot === undefined) return;
    this.#view = turn(this.#view, key, this.#pages(this.#snapshot));
    this.#refreshSoon();
  }

  #refreshSoon(): void {
    this.#draw();
    this.#isAsked = true;
    this.#wake();
  }

  /** Waits until a look is due again, or a key asks for one. */
  async #pause(began: number): Promise<void> {
    const until = (ms: number) => Math.max(0, ms - (performance.now() - began));
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await this.#sleep(until(SOONEST_MS));
    if (!this.#isAsked) await this.#sleep(until(PERIOD_MS), woken);
  }

  async #sleep(ms: number, woken?: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([over, this.#ended.promise, ...(woken === undefined ? [] : [woken])]);
    clearTimeout(timer);
  }
}
