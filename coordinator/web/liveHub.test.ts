import { EventEmitter } from "node:events";
import { afterEach, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { waitFor } from "../../test/support/waitFor.ts";
import { Feed } from "./feed.ts";
import { LiveHub, type LiveSources } from "./liveHub.ts";
import type { LiveMessage, ViewRequest } from "./liveMessages.ts";

/** A page's end of a socket: it keeps what it was sent. */
class FakeSocket extends EventEmitter {
  readonly OPEN = 1;
  readonly readyState = 1;
  readonly bufferedAmount = 0;
  readonly messages: LiveMessage[] = [];
  send(text: string): void {
    this.messages.push(JSON.parse(text) as LiveMessage);
  }
  close(): void {
    this.emit("close");
  }
  watch(request: ViewRequest): void {
    this.emit("message", JSON.stringify({ watch: 1, request }), false);
  }
  get ticks() {
    return this.messages.flatMap((message) => (message.type === "tick" ? [message] : []));
  }
}

let hub: LiveHub;
afterEach(() => hub.stop());

const SESSION = { hash: "s", by: "ann", expiresAt: 0 };
const sources: LiveSources = {
  view: async () => ({ facts: {}, lists: {} }),
  pulse: async () => ({ now: 1, pairings: 2 }),
  living: async (sessions) => new Set(sessions),
  samples: () => [],
  feed: new Feed(1),
};

function open(changes: Partial<LiveSources>, errors: unknown[], ...requests: ViewRequest[]): FakeSocket[] {
  hub = new LiveHub({ ...sources, ...changes }, (error) => errors.push(error));
  return requests.map((request) => {
    const page = new FakeSocket();
    hub.add(page as unknown as WebSocket, SESSION);
    page.watch(request);
    return page;
  });
}

it("tells of a view that fails those who look at it, and the others go on", async () => {
  let isBroken = true;
  const broken = new Error("NOPERM");
  const errors: unknown[] = [];
  const view = async ({ view: name }: ViewRequest) => {
    if (name === "followers" && isBroken) throw broken;
    return { facts: {}, lists: {} };
  };
  const followers: ViewRequest = { view: "followers", prefix: "", after: "", status: "online" };
  const [one, other, third] = open({ view }, errors, followers, { view: "pairings" }, followers);
  await waitFor("two looks", () => (one?.ticks.length ?? 0) >= 2 && (other?.ticks.length ?? 0) >= 2);
  for (const page of [one, third]) {
    expect(page?.ticks.map(({ trouble }) => trouble)).toEqual(
      page?.ticks.map(() => expect.stringMatching(/^This view could not be read: /u)),
    );
  }
  expect(other?.ticks.every(({ trouble, now, pairings }) => trouble === undefined && now === 1 && pairings === 2)).toBe(
    true,
  );
  // Pages that share a look share its error.
  expect(new Set(errors)).toEqual(new Set([broken]));
  isBroken = false;
  await waitFor("the view", () => one?.messages.some(({ type }) => type === "whole"));
  await waitFor("a tick without trouble", () => one?.ticks.at(-1)?.trouble === undefined);
});

it.each(["living", "pulse"] as const)("tells every page that Redis does not answer when %s fails", async (name) => {
  const errors: unknown[] = [];
  const away = async () => {
    throw new Error("away");
  };
  const pages = open({ [name]: away }, errors, { view: "overview" }, { view: "feed" });
  await waitFor("the trouble", () => pages.every(({ ticks }) => ticks.length > 0));
  for (const { ticks } of pages) expect(ticks[0]?.trouble).toMatch(/^Redis does not answer/u);
  expect(errors.length).toBeGreaterThan(0);
});
