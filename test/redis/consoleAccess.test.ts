import { ConsoleAccess } from "@yonexus/protocol/redis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { redisContents } from "../support/redisContents.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let stores: Stores;
let access: ConsoleAccess;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  stores = await openStores(redis.url);
  access = new ConsoleAccess(stores.redis, stores.keys);
  return () => stores.close();
});

async function signedIn(by = "ann@host"): Promise<string> {
  const { token } = await access.addLink(by);
  const opened = await access.open(token, "192.0.2.1");
  if (opened.outcome !== "opened") throw new Error(`The link was refused: ${opened.outcome}`);
  return opened.token;
}

const events = async () =>
  (await access.audit(50)).map(({ event, details }) => [event, details.reason ?? ""].join(" ").trim());

describe("a link", () => {
  it("opens one session, of whom it was made for, and is refused after that, which the audit tells", async () => {
    const { token, expiresAt } = await access.addLink("ann@host");
    expect(expiresAt - (await stores.now())).toBeGreaterThan(290_000);
    const opened = await access.open(token, "192.0.2.1");
    expect(opened).toMatchObject({ outcome: "opened", session: { by: "ann@host" } });
    expect(await access.open(token, "192.0.2.9")).toEqual({ outcome: "used" });
    const [refused, entered] = await access.audit(10);
    expect(refused).toMatchObject({
      event: "link_refused",
      details: { by: "ann@host", address: "192.0.2.9", reason: "used" },
    });
    expect(entered).toMatchObject({ event: "signed_in", details: { by: "ann@host", address: "192.0.2.1" } });
  });

  it("that two use at once lets one of them in", async () => {
    const { token } = await access.addLink("ann@host");
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => access.open(token, "192.0.2.1")));
    expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(["opened", ...Array(7).fill("used")]);
  });

  it("is refused when its time is over, and when nobody made it", async () => {
    const short = new ConsoleAccess(stores.redis, stores.keys, { linkMs: 1, sessionMs: 1_000 });
    const { token, expiresAt } = await short.addLink("ann@host");
    await waitFor("the link to be over", async () => (await stores.now()) > expiresAt);
    expect(await access.open(token, "192.0.2.1")).toEqual({ outcome: "expired" });
    expect(await access.open("made-up", "192.0.2.1")).toEqual({ outcome: "unknown" });
    expect(await events()).toEqual(["link_refused expired"]);
  });

  it("is one of 32: with one more the oldest is gone", async () => {
    const links = [];
    for (let count = 0; count < 33; count++) links.push(await access.addLink("ann@host"));
    expect(await access.open(links[0]?.token ?? "", "192.0.2.1")).toEqual({ outcome: "unknown" });
    expect(await access.open(links[1]?.token ?? "", "192.0.2.1")).toMatchObject({ outcome: "opened" });
  });

  it("is made for a name without characters that could mislead", async () => {
    const { token } = await access.addLink(`ann\n used 1<script>${"x".repeat(100)}`);
    const opened = await access.open(token, "192.0.2.1");
    expect(opened.outcome === "opened" && opened.session.by).toMatch(/^ann used 1scriptx{1,60}$/u);
  });
});

describe("a session", () => {
  it("is taken by any coordinator, and lasts longer with each use", async () => {
    const short = new ConsoleAccess(stores.redis, stores.keys, { linkMs: 60_000, sessionMs: 20_000 });
    const { token } = await short.addLink("ann@host");
    const opened = await short.open(token, "192.0.2.1");
    if (opened.outcome !== "opened") throw new Error(opened.outcome);
    const other = await openStores(redis.url, { keys: stores.keys });
    const elsewhere = new ConsoleAccess(other.redis, other.keys, { linkMs: 60_000, sessionMs: 20_000 });
    await waitFor("its end to move", async () => {
      const session = await elsewhere.use(opened.token);
      return session !== undefined && session.expiresAt > opened.session.expiresAt;
    });
    other.close();
  });

  it("is over when it was not used for its time", async () => {
    const short = new ConsoleAccess(stores.redis, stores.keys, { linkMs: 60_000, sessionMs: 50 });
    const { token } = await short.addLink("ann@host");
    const opened = await short.open(token, "192.0.2.1");
    if (opened.outcome !== "opened") throw new Error(opened.outcome);
    await waitFor("its time to be over", async () => (await stores.now()) > opened.session.expiresAt);
    expect(await short.use(opened.token)).toBeUndefined();
    expect([...(await short.living([opened.session.hash]))]).toEqual([]);
  });

  it("that signs out is over, and no other one", async () => {
    const [ann, bob] = [await signedIn("ann@host"), await signedIn("bob@host")];
    await access.end(ann);
    expect(await access.use(ann)).toBeUndefined();
    expect(await access.use(bob)).toMatchObject({ by: "bob@host" });
    expect(await events()).toContain("signed_out");
  });

  it("is over for everybody when all are signed out, and so are the links that wait", async () => {
    const [ann, bob] = [await signedIn("ann@host"), await signedIn("bob@host")];
    const { token } = await access.addLink("carol@host");
    expect(await access.endAll("root@host")).toBe(2);
    expect([await access.use(ann), await access.use(bob)]).toEqual([undefined, undefined]);
    expect(await access.open(token, "192.0.2.1")).toEqual({ outcome: "unknown" });
    expect(await access.audit(1)).toMatchObject([{ event: "all_signed_out", details: { by: "root@host" } }]);
  });

  it("is one of 64: with one more the one that ends first is gone", async () => {
    const tokens = [];
    for (let count = 0; count < 65; count++) tokens.push(await signedIn());
    const living = await Promise.all(tokens.map(async (token) => (await access.use(token)) !== undefined));
    expect(living.filter((each) => each)).toHaveLength(64);
  });
});

describe("what is kept of them", () => {
  it("lets nobody in who reads it", async () => {
    const { token: link } = await access.addLink("ann@host");
    const session = await signedIn();
    const all = JSON.stringify([...(await redisContents(stores))]);
    expect(all).toContain("ann@host");
    expect(all).not.toContain(link);
    expect(all).not.toContain(session);
  });

  it("is in one slot, and has an end", async () => {
    await signedIn();
    const { consoleLinks, consoleSessions, consoleAudit } = stores.keys;
    const tags = [consoleLinks, consoleSessions, consoleAudit].map((key) => /\{.+\}/u.exec(key)?.[0]);
    expect(new Set(tags)).toEqual(new Set(["{access}"]));
    for (const key of [consoleLinks, consoleSessions]) expect(await stores.redis.pttl(key)).toBeGreaterThan(0);
  });
});

describe("a console's place", () => {
  it("is told while it is served", async () => {
    await access.announce("http://127.0.0.1:9090", 60_000);
    await access.announce("http://127.0.0.1:9191", 1);
    await waitFor("the other lease to lapse", async () => (await access.places()).length === 1);
    expect(await access.places()).toEqual(["http://127.0.0.1:9090"]);
  });
});
