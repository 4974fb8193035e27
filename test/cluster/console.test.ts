import { once } from "node:events";
import { AdminListenError } from "@yonexus/protocol/admin";
import { createFollower, createMemoryState } from "@yonexus/protocol/client";
import { ConsoleAccess } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { LiveMessage, SessionInfo, ViewRequest } from "../../coordinator/web/liveMessages.ts";
import { type ViewState, withChanges } from "../../coordinator/web/viewState.ts";
import { buildConsolePage } from "../support/consolePage.ts";
import { freePorts } from "../support/freePorts.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { auditEvents, newFollowerKey } from "../support/stores.ts";
import { TestCluster, type TestCoordinator } from "../support/testCluster.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let cluster: TestCluster;
let coordinator: TestCoordinator;
let access: ConsoleAccess;
let origin: string;
const sockets: WebSocket[] = [];
/** Only ends what hangs: a coordinator looks once a second, and a busy machine takes its time. */
const PATIENCE_MS = 30_000;

beforeAll(async () => {
  await buildConsolePage();
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url);
  access = new ConsoleAccess(cluster.stores.redis, cluster.stores.keys);
  coordinator = await startCoordinator();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await cluster.stop();
});

/** Its own address is in its configuration, so that the port is chosen first: another process may be quicker to take it. */
async function startCoordinator(tries = 3): Promise<TestCoordinator> {
  const [port = 0] = await freePorts(1);
  origin = `http://127.0.0.1:${port}`;
  try {
    return await cluster.startCoordinator({ YONEXUS_ADMIN_PORT: String(port), YONEXUS_CONSOLE_URL: origin });
  } catch (error) {
    if (tries === 1 || !(error instanceof AdminListenError)) throw error;
    return startCoordinator(tries - 1);
  }
}

interface SignedIn extends SessionInfo {
  readonly cookie: string;
}

const post = (path: string, body: object, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${origin}/console/api/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", origin, ...headers },
    body: JSON.stringify(body),
  });

async function signIn(by = "ann@host"): Promise<SignedIn> {
  const { token } = await access.addLink(by);
  const answer = await post("sign-in", { link: token });
  expect(answer.status).toBe(200);
  const [cookie = ""] = (answer.headers.get("set-cookie") ?? "").split(";");
  return { ...((await answer.json()) as SessionInfo), cookie };
}

const sessionStatus = async (cookie: string) =>
  (await fetch(`${origin}/console/api/session`, { headers: { cookie } })).status;

/** A page of the console, as the coordinator sees one: what it was told, put together. */
class Page {
  readonly socket: WebSocket;
  readonly messages: LiveMessage[] = [];
  state: ViewState | undefined;
  closeCode: number | undefined;

  constructor({ cookie }: { readonly cookie: string }, headers: Readonly<Record<string, string>> = { origin }) {
    this.socket = new WebSocket(`${origin.replace("http", "ws")}/console/live`, { headers: { cookie, ...headers } });
    sockets.push(this.socket);
    // How it ended is told by its code.
    this.socket.on("error", () => undefined);
    this.socket.on("message", (data) => this.#hear(JSON.parse(String(data)) as LiveMessage));
    this.socket.on("close", (code) => {
      this.closeCode = code;
    });
  }

  async watch(request: ViewRequest): Promise<void> {
    if (this.socket.readyState !== WebSocket.OPEN) await once(this.socket, "open");
    this.state = undefined;
    this.socket.send(JSON.stringify({ watch: 1, request }));
  }

  /** The row of a list, once it is as wanted. */
  async row(list: string, wanted: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    return waitFor(
      `${JSON.stringify(wanted)} among ${list}`,
      () =>
        (this.state?.lists[list] ?? [])
          .map((row): Record<string, unknown> => ({ ...row }))
          .find((row) => Object.entries(wanted).every(([name, value]) => row[name] === value)),
      PATIENCE_MS,
    );
  }

  #hear(message: LiveMessage): void {
    this.messages.push(message);
    if (message.type === "whole") this.state = message.state;
    if (message.type === "changes" && this.state !== undefined) this.state = withChanges(this.state, message.changes);
  }
}

/** The HTTP status with which an upgrade is refused. */
async function refusedUpgrade(headers: Readonly<Record<string, string>>): Promise<number | undefined> {
  const socket = new WebSocket(`${origin.replace("http", "ws")}/console/live`, { headers });
  sockets.push(socket);
  // That it is cut off before it opened is what is wanted.
  socket.on("error", () => undefined);
  const [, response] = await once(socket, "unexpected-response");
  return response.statusCode;
}

/** A pairing that waits, opened as a node does. */
async function openPairing(identifier: string) {
  const { publicKey, fingerprint } = newFollowerKey();
  await cluster.stores.trust.allow([identifier]);
  const waiter = { nodeId: "a-node", connectionId: "a-connection", address: "203.0.113.7" };
  const opened = await cluster.stores.pairings.open(identifier, publicKey, fingerprint, waiter);
  if (!("pairingId" in opened)) throw new Error(`The pairing was refused: ${opened.outcome}`);
  return { identifier, fingerprint, pairingId: opened.pairingId };
}

describe("the page", () => {
  it("may load its own script and style, and nothing else", async () => {
    const answer = await fetch(`${origin}/`);
    expect(answer.url).toBe(`${origin}/console/`);
    expect(answer.headers.get("content-security-policy")).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("referrer-policy")).toBe("no-referrer");
    const html = await answer.text();
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style| on[a-z]+=| style=/u);
    for (const [, path] of html.matchAll(/(?:src|href)="(console\.[^"]+)"/gu)) {
      const file = await fetch(`${origin}/console/${path}`);
      expect(file.status).toBe(200);
      expect(file.headers.get("cache-control")).toContain("immutable");
    }
    expect((await fetch(`${origin}/console/console.js?v=of-another-version`)).headers.get("cache-control")).toBe(
      "no-store",
    );
  });

  it("has a script and a style of less than 150 KB together, which name no other place", async () => {
    const [script, style] = await Promise.all(
      ["console.js", "console.css"].map(async (path) => (await fetch(`${origin}/console/${path}`)).text()),
    );
    expect((script ?? "").length + (style ?? "").length).toBeLessThan(150_000);
    expect(style).not.toMatch(/url\(|@import/u);
    expect(script).not.toMatch(/\beval\(|new Function|https?:\/\/(?!www\.w3\.org\/)/u);
  });
});

describe("signing in", () => {
  it("takes a link once, for a cookie that no script reads and no other site sends", async () => {
    const { token } = await access.addLink("ann@host");
    const answer = await post("sign-in", { link: token });
    const cookie = answer.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^yonexus_console_\d+=[A-Za-z0-9_-]{43}; Path=\/console\/; HttpOnly; SameSite=Strict$/u);
    expect(await sessionStatus(cookie.split(";")[0] ?? "")).toBe(200);

    const again = await post("sign-in", { link: token });
    expect(again.status).toBe(403);
    expect(again.headers.get("set-cookie")).toBeNull();
    expect(await again.text()).toBe(
      "This link was used already, and is good for once: ask for a new one with `yonexus console`.\n",
    );
    expect((await access.audit(1))[0]).toMatchObject({ event: "link_refused", details: { reason: "used" } });
  });

  it("refuses a link that is over, and one that nobody made, in a sentence", async () => {
    const short = new ConsoleAccess(cluster.stores.redis, cluster.stores.keys, { linkMs: 1, sessionMs: 1_000 });
    const { token, expiresAt } = await short.addLink("ann@host");
    await waitFor("the link to be over", async () => (await cluster.stores.now()) > expiresAt);
    expect(await (await post("sign-in", { link: token })).text()).toMatch(/^This link is over: /u);
    expect(await (await post("sign-in", { link: "made-up" })).text()).toMatch(/^This link is not known: /u);
  });

  it.each([
    ["of another site", { origin: "http://evil.example" }],
    ["of another port of this machine", { origin: "http://127.0.0.1:1" }],
    ["that names no site", { origin: "null" }],
    ["that the browser says another site sent", { "sec-fetch-site": "cross-site" }],
    ["that a form could send", { "content-type": "text/plain" }],
  ])("refuses a POST %s, and the link is still good", async (_, headers) => {
    const { token } = await access.addLink("ann@host");
    expect((await post("sign-in", { link: token }, headers)).status).toBeGreaterThanOrEqual(403);
    expect((await post("sign-in", { link: token })).status).toBe(200);
  });

  it("may be tried thirty times a minute", async () => {
    const statuses: number[] = [];
    for (let count = 0; count < 31; count++) statuses.push((await post("sign-in", { link: "made-up" })).status);
    expect(new Set(statuses.slice(0, 30))).toEqual(new Set([403]));
    expect(statuses[30]).toBe(429);
  });

  it("that is tried too often keeps nobody out who comes from elsewhere, or is in already", async () => {
    const [port = 0] = await freePorts(1);
    const behind = await cluster.startCoordinator({
      YONEXUS_ADMIN_PORT: String(port),
      YONEXUS_CONSOLE_URL: origin,
      YONEXUS_TRUSTED_PROXIES: "127.0.0.1",
    });
    const from = (address: string, path: string, body: object, headers = {}) =>
      fetch(`${behind.adminUrl}/console/api/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", origin, "x-forwarded-for": address, ...headers },
        body: JSON.stringify(body),
      });
    const session = await signIn();
    const statuses: number[] = [];
    for (let count = 0; count < 31; count++)
      statuses.push((await from("203.0.113.1", "sign-in", { link: "made-up" })).status);
    expect(statuses[30]).toBe(429);
    const { token } = await access.addLink("bob@host");
    expect((await from("203.0.113.2", "sign-in", { link: token })).status).toBe(200);
    expect((await access.audit(1))[0]).toMatchObject({
      event: "signed_in",
      details: { by: "bob@host", address: "203.0.113.2" },
    });
    const pairing = await openPairing("alpha");
    const own = { cookie: session.cookie, "x-yonexus-csrf": session.csrf };
    const decided = await from("203.0.113.1", "decide", { decision: "approve", ...pairing }, own);
    expect(await decided.json()).toMatchObject({ outcome: "approved" });
  });

  it("is not kept from anybody by what other sites make their browser send", async () => {
    const session = await signIn("ann@host");
    const foreign = { cookie: session.cookie, origin: "http://evil.example" };
    for (let count = 0; count < 60; count++) {
      for (const path of ["sign-in", "decide"]) expect((await post(path, {}, foreign)).status).toBe(403);
    }
    // Written down, and not so often that the rest of the audit goes.
    const notes = (await access.audit(1_000)).filter(({ details }) => details.reason === "cross_site");
    expect(notes).toHaveLength(10);
    const { token } = await access.addLink("ann@host");
    expect((await post("sign-in", { link: token })).status).toBe(200);
    const pairing = await openPairing("alpha");
    const own = { cookie: session.cookie, "x-yonexus-csrf": session.csrf };
    expect((await post("decide", { decision: "approve", ...pairing }, own)).status).toBe(200);
  });

  it("holds at every coordinator, until it is signed out at one of them", async () => {
    const { cookie, csrf } = await signIn();
    const [port = 0] = await freePorts(1);
    await cluster.startCoordinator({ YONEXUS_ADMIN_PORT: String(port), YONEXUS_CONSOLE_URL: origin });
    const elsewhere = () => fetch(`http://127.0.0.1:${port}/console/api/session`, { headers: { cookie } });
    expect((await elsewhere()).status).toBe(200);
    expect((await post("sign-out", {}, { cookie, "x-yonexus-csrf": csrf })).status).toBe(200);
    expect((await elsewhere()).status).toBe(401);
  });
});

describe("a decision", () => {
  const decide = (body: object, { cookie, csrf }: Pick<SignedIn, "cookie" | "csrf">, headers = {}) =>
    post("decide", body, { cookie, "x-yonexus-csrf": csrf, ...headers });

  it("lets the follower in that was shown, and stands in both audits with who made it", async () => {
    const session = await signIn("ann@host");
    const pairing = await openPairing("alpha");
    const answer = await decide({ decision: "approve", ...pairing }, session);
    expect(await answer.json()).toEqual({ done: true, outcome: "approved", sentence: "alpha is let in." });
    expect(await auditEvents(cluster.stores, "alpha")).toContain("pairing_approved");
    const [entry] = await access.audit(1);
    expect(entry).toMatchObject({ event: "approved", details: { by: "ann@host", identifier: "alpha" } });
    expect(await (await decide({ decision: "approve", ...pairing }, session)).json()).toMatchObject({
      done: true,
      outcome: "already",
    });
    // Who came second refused nothing, and did nothing either.
    expect((await access.audit(1))[0]?.id).toBe(entry?.id);
  });

  it("of a pairing or a key that is not the one that waits changes nothing, and says so", async () => {
    const session = await signIn();
    const pairing = await openPairing("alpha");
    const other = { ...pairing, pairingId: "another-pairing" };
    expect(await (await decide({ decision: "approve", ...other }, session)).json()).toEqual({
      ...{ done: false, outcome: "changed" },
      sentence: "The pairing of alpha is another one by now than the one that was shown. Nothing was changed.",
    });
    const gone = { ...pairing, fingerprint: newFollowerKey().fingerprint };
    expect(await (await decide({ decision: "deny", ...gone }, session)).json()).toMatchObject({ outcome: "gone" });
    expect((await access.audit(2)).map(({ event, details }) => `${event} ${details.reason}`)).toEqual([
      "refused deny gone",
      "refused approve changed",
    ]);
    expect(await cluster.stores.pairings.pending(10)).toMatchObject([{ identifier: "alpha" }]);
  });

  it.each([
    ["without a session", { cookie: "" }, 401],
    ["with a session that there is not", { cookie: `yonexus_console=${"x".repeat(43)}` }, 401],
    ["without the token of its page", { "x-yonexus-csrf": "" }, 403],
    ["with a token of another page", { "x-yonexus-csrf": "x".repeat(43) }, 403],
    ["of another site", { origin: "http://evil.example" }, 403],
  ])("%s is refused, and nothing is changed", async (_, headers, status) => {
    const session = await signIn();
    const pairing = await openPairing("alpha");
    expect((await decide({ decision: "approve", ...pairing }, session, headers)).status).toBe(status);
    expect(await auditEvents(cluster.stores, "alpha")).not.toContain("pairing_approved");
  });

  it("may be made thirty times a minute by one session, and then by another one all the same", async () => {
    const [session, other] = [await signIn(), await signIn()];
    const pairing = await openPairing("alpha");
    const body = { decision: "approve", ...pairing, pairingId: "another-pairing" };
    const statuses: number[] = [];
    for (let count = 0; count < 31; count++) statuses.push((await decide(body, session)).status);
    expect([new Set(statuses.slice(0, 30)), statuses[30]]).toEqual([new Set([200]), 429]);
    expect((await decide(body, other)).status).toBe(200);
  });

  it("of another site is in the audit, when there is a session behind it", async () => {
    const session = await signIn("ann@host");
    const pairing = await openPairing("alpha");
    await decide({ decision: "approve", ...pairing }, session, { origin: "http://evil.example" });
    const [entry] = await access.audit(1);
    expect(entry).toMatchObject({ event: "refused", details: { by: "ann@host", reason: "cross_site" } });
  });

  it.each([
    { decision: "approve" },
    { decision: "drop", identifier: "alpha", fingerprint: "a", pairingId: "a" },
    { decision: "approve", identifier: "al pha", fingerprint: "a", pairingId: "a" },
    { decision: "approve", identifier: "alpha", fingerprint: "{x}", pairingId: "a" },
    { decision: "approve", identifier: "alpha", fingerprint: "a", pairingId: ["a"] },
  ])("that is none is refused: %j", async (body) => {
    expect((await decide(body, await signIn())).status).toBe(400);
  });
});

describe("a page that is open", () => {
  it("hears of a follower that waits, lets it in, and sees it come online", async () => {
    const node = await cluster.startNode();
    const session = await signIn();
    const page = new Page(session);
    await page.watch({ view: "pairings" });
    await cluster.stores.trust.allow(["alpha"]);
    const follower = createFollower({ url: node.url, identifier: "alpha", state: createMemoryState() });
    const connected = follower.connect();
    const row = await page.row("pairings", { identifier: "alpha" });
    expect(row).toMatchObject({ fingerprint: follower.fingerprint, address: "127.0.0.1" });

    const { identifier, fingerprint, id: pairingId } = row;
    const decision = { decision: "approve", identifier, fingerprint, pairingId };
    await post("decide", decision, { cookie: session.cookie, "x-yonexus-csrf": session.csrf });
    await connected;
    await waitFor("the pairing to leave the list", () => page.state?.lists.pairings?.length === 0);
    await page.watch({ view: "followers", prefix: "al", after: "", status: "all" });
    await page.row("followers", { id: "alpha", status: "online", paired: true });
    follower.close();
  });

  it("hears of a node that was killed at once, long before its lease is over", async () => {
    const node = await cluster.startNodeProcess({ YONEXUS_NODE_NAME: "front" });
    const page = new Page(await signIn());
    await page.watch({ view: "overview" });
    await page.row("nodes", { id: node.nodeId, state: "ready" });
    node.signal("SIGKILL");
    await node.exited;
    const row = await page.row("nodes", { id: node.nodeId, state: "lost" });
    expect(Number(row.goneAt) - Number(row.renewedAt)).toBeLessThan(15_000);
  });

  it("is told what is different, and not the whole again", async () => {
    await cluster.stores.trust.allow(["a", "b"]);
    const page = new Page(await signIn());
    await page.watch({ view: "followers", prefix: "", after: "", status: "all" });
    await page.row("followers", { id: "b" });
    await cluster.stores.trust.allow(["c"]);
    await page.row("followers", { id: "c" });
    expect(page.messages.filter(({ type }) => type === "whole")).toHaveLength(1);
    const changes = page.messages.flatMap((message) => (message.type === "changes" ? [message.changes.lists] : []));
    expect(changes.map((lists) => lists?.followers?.rows?.map(({ id }) => id))).toEqual([["c"]]);
  });

  it("pages through followers, by prefix and by status", async () => {
    const many = Array.from({ length: 60 }, (_, index) => `f-${String(index).padStart(2, "0")}`);
    await cluster.stores.trust.allow([...many, "z"]);
    const node = await cluster.startNode();
    await cluster.logIn(node, await cluster.pairedFollower("f-30"));
    const page = new Page(await signIn());
    await page.watch({ view: "followers", prefix: "f-", after: "", status: "all" });
    await page.row("followers", { id: "f-24" });
    expect(page.state?.facts).toEqual({ next: "f-24", searched: 25 });
    await page.watch({ view: "followers", prefix: "f-", after: "f-49", status: "all" });
    await page.row("followers", { id: "f-59" });
    expect(page.state?.facts).toEqual({ next: "", searched: 10 });
    await page.watch({ view: "followers", prefix: "", after: "", status: "online" });
    await page.row("followers", { id: "f-30" });
    expect(page.state?.lists.followers).toHaveLength(1);
    expect(page.state?.facts).toEqual({ next: "", searched: 61 });
  });

  it("shows what became of messages, and never what they say", async () => {
    await cluster.pairedFollower("alpha");
    const sender = await cluster.sender();
    await sender.sendMessageToClient("alpha", "chat::the content", { delivery: "queued", messageId: "m-1" });
    const page = new Page(await signIn());
    await page.watch({ view: "follower", identifier: "alpha" });
    await page.row("timeline", { kind: "message", what: "queued" });
    await page.row("timeline", { kind: "audit", what: "paired" });
    await page.watch({ view: "followers", prefix: "", after: "", status: "all" });
    const row = await page.row("followers", { id: "alpha", queued: 1 });
    expect(row.recent).toMatchObject([{ id: "m-1", state: "queued" }]);
    expect(JSON.stringify(page.messages)).not.toContain("the content");
  });

  it("hears of status changes as they come, and of those before it came", async () => {
    const node = await cluster.startNode();
    const alice = await cluster.pairedFollower("alice");
    const first = await cluster.logIn(node, alice);
    await first.close();
    await cluster.waitForStatus("alice", "offline");
    const page = new Page(await signIn());
    const told = () =>
      page.messages.flatMap((message) => (message.type === "events" ? message.events : [])).map(({ status }) => status);
    await page.watch({ view: "feed" });
    await waitFor("the changes before", () => told().join() === "online,offline");
    await cluster.logIn(node, alice);
    await waitFor("the change after", () => told().join() === "online,offline,online");
  });

  it("is closed when its session is signed out anywhere", async () => {
    const page = new Page(await signIn());
    await page.watch({ view: "overview" });
    await page.row("coordinators", { live: true });
    await access.endAll("root@host");
    await waitFor("the page to be closed", () => page.closeCode === 4401);
  });

  it("without a session, or of another site, is not let in", async () => {
    const { cookie } = await signIn();
    expect(await refusedUpgrade({ origin })).toBe(401);
    expect(await refusedUpgrade({ origin: "http://evil.example", cookie })).toBe(403);
    expect(await refusedUpgrade({ cookie })).toBe(403);
  });

  it.each([
    ["no JSON", "not json"],
    ["no view", '{"watch":1}'],
    ["a view that there is not", '{"watch":1,"request":{"view":"secrets"}}'],
    ["too much", "x".repeat(2_000)],
  ])("that says %s is closed", async (_, text) => {
    const page = new Page(await signIn());
    await page.watch({ view: "overview" });
    page.socket.send(text);
    await waitFor("the page to be closed", () => page.closeCode === 1008 || page.closeCode === 1009);
  });

  it("is one of 32, of all sessions", async () => {
    const session = await signIn();
    const pages = Array.from({ length: 33 }, () => new Page(session));
    await waitFor("one to be turned away", () => pages.filter(({ closeCode }) => closeCode === 4429).length === 1);
  });

  it("says that Redis does not answer, and goes on when it does again", async () => {
    const page = new Page(await signIn());
    await page.watch({ view: "overview" });
    await page.row("coordinators", { live: true });
    await redis.pause();
    await waitFor(
      "the trouble",
      () => page.messages.some((message) => message.type === "tick" && message.trouble !== undefined),
      PATIENCE_MS,
    );
    expect((await post("sign-in", { link: "any" })).status).toBe(503);
    await redis.resume();
    const troubled = page.messages.length;
    await waitFor(
      "a tick without trouble",
      () => page.messages.slice(troubled).some((message) => message.type === "tick" && message.trouble === undefined),
      PATIENCE_MS,
    );
    expect(page.closeCode).toBeUndefined();
  });
});

describe("a coordinator", () => {
  it("stops at once with pages open", async () => {
    const page = new Page(await signIn());
    await page.watch({ view: "overview" });
    await page.row("coordinators", { live: true });
    await coordinator.stop();
    expect(page.closeCode).toBeDefined();
  });

  it("without YONEXUS_CONSOLE_URL serves no console", async () => {
    const other = await cluster.startCoordinator({ YONEXUS_ADMIN_PORT: "0" });
    expect((await fetch(`${other.adminUrl}/console/`)).status).toBe(404);
    expect((await fetch(`${other.adminUrl}/healthz`)).status).toBe(200);
  });

  it("logs neither links nor sessions", async () => {
    const { token } = await access.addLink("ann@host");
    const answer = await post("sign-in", { link: token });
    const cookie = (answer.headers.get("set-cookie") ?? "").split(/[=;]/u)[1] ?? "";
    const log = coordinator.log.join("\n");
    expect(log).toContain("console_signed_in");
    expect(log).not.toContain(token);
    expect(log).not.toContain(cookie);
  });
});
