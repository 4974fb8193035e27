import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditEvents, newFollowerKey } from "../support/stores.ts";
import type { NodeProcess } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";
import { ConsoleFixture, type WatchedPage } from "./consoleFixture.ts";

let fixture: ConsoleFixture;
let node: NodeProcess;

beforeAll(async () => {
  fixture = await ConsoleFixture.open();
  node = await fixture.cluster.startNodeProcess({ YONEXUS_NODE_NAME: "front" });
});
afterAll(() => fixture.close());

/** Nothing of a page may come from elsewhere, and its policy must never have had to step in. */
async function leave({ context, requests, complaints }: WatchedPage): Promise<void> {
  const places = new Set(requests.map((address) => new URL(address).host));
  expect([...places]).toEqual([new URL(fixture.origin).host]);
  expect(complaints).toEqual([]);
  await context.close();
}

const cardOf = (page: Page, identifier: string): Locator =>
  page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: identifier }) });

/** Presses Tab until the element has the focus. */
async function tabTo(page: Page, wanted: Locator): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press("Tab");
    if (await wanted.evaluate((element) => element === element.ownerDocument.activeElement)) return;
  }
  throw new Error("Tab never came to the element.");
}

describe("signing in", () => {
  it("by a link shows the overview, takes the link out of the address, and holds after a reload", async () => {
    const watched = await fixture.newPage();
    const { page, context } = watched;
    await page.goto(await fixture.newLink());
    await page.getByRole("heading", { name: "Nodes" }).waitFor();
    expect(page.url()).toBe(`${fixture.origin}/console/#/overview`);
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", path: "/console/", domain: "127.0.0.1" });
    expect(await page.evaluate("document.cookie")).toBe("");
    await page.reload();
    await page.getByRole("heading", { name: "Nodes" }).waitFor();
    await leave(watched);
  });

  it("by a link that was used says so, and shows nothing", async () => {
    const link = await fixture.newLink();
    const first = await fixture.newPage();
    await first.page.goto(link);
    await first.page.getByRole("heading", { name: "Nodes" }).waitFor();
    const second = await fixture.newPage();
    await second.page.goto(link);
    await second.page.getByRole("alert").getByText("This link was used already").waitFor();
    expect(await second.page.getByRole("navigation").count()).toBe(0);
    await leave(first);
    await leave(second);
  });

  it("ends everywhere when all are signed out", async () => {
    const watched = await fixture.signedIn();
    // The link is live when a view came over it.
    await watched.page.getByRole("heading", { name: "Nodes" }).waitFor();
    await fixture.access.endAll("root@host");
    await watched.page.getByText("Nobody is signed in here.").waitFor();
    await leave(watched);
  });

  it("ends by the button, for all pages of that browser", async () => {
    const watched = await fixture.signedIn();
    const other = await watched.context.newPage();
    await other.goto(`${fixture.origin}/console/`);
    await other.getByRole("button", { name: "Sign out" }).click();
    await other.getByText("Nobody is signed in here.").waitFor();
    await watched.page.getByText("Nobody is signed in here.").waitFor();
    await leave(watched);
  });

  it("lets no other site decide", async () => {
    const watched = await fixture.signedIn();
    const follower = await fixture.waitingFollower("cross-site", node.url);
    const { pairingId } = await waitFor("the pairing", async () =>
      (await fixture.cluster.stores.pairings.pending(10)).find(({ identifier }) => identifier === "cross-site"),
    );
    // Of the same kind of site to a browser, which sends the cookie along; of another origin all the same.
    const site = createServer((_, response) => response.end("<!doctype html><p>a page</p>")).listen(0, "127.0.0.1");
    await once(site, "listening");
    const evil = await watched.context.newPage();
    await evil.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
    const body = JSON.stringify({
      decision: "approve",
      identifier: "cross-site",
      fingerprint: follower.fingerprint,
      pairingId,
    });
    // As a page may without being asked back: a plain POST with the cookies of its kind of site.
    const script = `fetch(${JSON.stringify(`${fixture.origin}/console/api/decide`)}, { method: "POST", mode: "no-cors", credentials: "include", body: ${JSON.stringify(body)} }).catch(() => undefined)`;
    const sent = evil.waitForRequest("**/api/decide");
    await evil.evaluate(script);
    await sent;
    // It came, with the cookie, and was refused for where it came from; the answer was kept from the page besides.
    const refusal = await waitFor("the refusal", async () =>
      (await fixture.access.audit(5)).find(({ event }) => event === "refused"),
    );
    expect(refusal).toMatchObject({ event: "refused", details: { by: "ann@test", reason: "cross_site" } });
    expect(await auditEvents(fixture.cluster.stores, "cross-site")).not.toContain("pairing_approved");
    await fixture.cluster.stores.pairings.deny("cross-site", follower.fingerprint ?? "", pairingId, "the test");
    await watched.context.close();
    site.close();
  });
});

describe("a pairing", () => {
  it("appears by itself, and Approve pairs the follower that waits", async () => {
    const watched = await fixture.signedIn("pairings");
    const { page } = watched;
    const follower = await fixture.waitingFollower("approved", node.url);
    const card = cardOf(page, "approved");
    await card.waitFor();
    await card.getByText(follower.fingerprint ?? "no fingerprint").waitFor();
    await page.getByRole("navigation", { name: "Views" }).getByText("1 waiting").waitFor();
    await card.getByRole("button", { name: "Approve approved" }).click();
    await card.getByText("approved is let in.").waitFor();
    await follower.connect();
    expect(await auditEvents(fixture.cluster.stores, "approved")).toEqual(
      expect.arrayContaining(["pairing_approved", "paired"]),
    );
    await page.getByRole("link", { name: "Followers" }).click();
    await page
      .getByRole("row", { name: /approved/u })
      .getByText("online")
      .waitFor();
    await leave(watched);
  });

  it("that is denied tells its follower so", async () => {
    const watched = await fixture.signedIn("pairings");
    const follower = await fixture.waitingFollower("denied", node.url);
    const refused = new Promise<string>((resolve) => {
      follower.on("pair_failed", ({ reason }) => resolve(reason));
    });
    const card = cardOf(watched.page, "denied");
    await card.getByRole("button", { name: "Deny denied" }).click();
    await card.getByText("denied was refused: its pairing is over.").waitFor();
    expect(await refused).toBe("rejected_by_admin");
    await leave(watched);
  });

  it("that was approved can still be denied, while its follower has not come for its secret", async () => {
    const watched = await fixture.signedIn("pairings");
    const { pairings, trust } = fixture.cluster.stores;
    const { publicKey, fingerprint } = newFollowerKey();
    await trust.allow(["away"]);
    // Its node is gone, as the follower is.
    const waiter = { nodeId: "a-node", connectionId: "a-connection", address: "203.0.113.7" };
    await pairings.open("away", publicKey, fingerprint, waiter);
    const card = cardOf(watched.page, "away");
    await card.getByRole("button", { name: "Approve away" }).click();
    await card.getByText("away is let in.").waitFor();
    expect(await card.getByRole("button", { name: "Approve away" }).count()).toBe(0);
    await card.getByRole("button", { name: "Deny away" }).click();
    await card.getByText("away was refused: its pairing is over.").waitFor();
    expect(await card.getByRole("button").count()).toBe(0);
    expect(await pairings.find("away", fingerprint)).toBeUndefined();
    await leave(watched);
  });

  it("that somebody else decided meanwhile changes nothing, and says so", async () => {
    const watched = await fixture.signedIn("pairings");
    const { page } = watched;
    const follower = await fixture.waitingFollower("decided", node.url);
    const card = cardOf(page, "decided");
    const approve = card.getByRole("button", { name: "Approve decided" });
    await approve.waitFor();
    // The page hears nothing more, so that it shows what was.
    await page.evaluate("WebSocket.prototype.send = () => {}");
    const [pairing] = await fixture.cluster.stores.pairings.pending(10);
    await page.route("**/api/decide", async (route) => {
      await fixture.cluster.stores.pairings.deny(
        "decided",
        follower.fingerprint ?? "",
        pairing?.pairingId ?? "",
        "another",
      );
      await route.continue();
    });
    await approve.click();
    await card.getByText("This pairing is over").waitFor();
    expect(await auditEvents(fixture.cluster.stores, "decided")).not.toContain("paired");
    await leave(watched);
  });

  it("is decided with the keyboard alone, from the skip link on, with the focus in sight", async () => {
    const watched = await fixture.signedIn();
    const { page } = watched;
    const follower = await fixture.waitingFollower("by-keyboard", node.url);
    await page.keyboard.press("Tab");
    const skip = page.getByRole("button", { name: "Skip to the content" });
    expect(await skip.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    await tabTo(page, page.getByRole("link", { name: /Pairings/u }).first());
    await page.keyboard.press("Enter");
    await cardOf(page, "by-keyboard").waitFor();
    const heading = page.getByRole("heading", { name: "Pairings", exact: true });
    expect(await heading.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    const approve = page.getByRole("button", { name: "Approve by-keyboard" });
    await tabTo(page, approve);
    const outline = await approve.evaluate(
      (element) => element.ownerDocument.defaultView?.getComputedStyle(element).outlineWidth,
    );
    expect(outline).toBe("3px");
    await page.keyboard.press("Enter");
    await follower.connect();
    const told = page.getByText("by-keyboard is let in.");
    await told.waitFor();
    await waitFor("the focus to be on the answer", () =>
      told.evaluate((element) => element === element.ownerDocument.activeElement),
    );
    await leave(watched);
  });
});

describe("a view", () => {
  it("shows a node that is killed in red at once, and that nobody is ready", async () => {
    const doomed = await fixture.cluster.startNodeProcess({ YONEXUS_NODE_NAME: "doomed" });
    const watched = await fixture.signedIn();
    const row = watched.page.getByRole("row", { name: /doomed/u });
    await row.getByText("ready").waitFor();
    doomed.signal("SIGKILL");
    const lost = row.getByText("lost");
    await lost.waitFor();
    const colour = await lost.evaluate((element) => element.ownerDocument.defaultView?.getComputedStyle(element).color);
    expect(colour).toBe("rgb(185, 28, 28)");
    await watched.page.getByText("1 node lost.").waitFor();
    await leave(watched);
  });

  it("finds followers by what they begin with, and tells one's story", async () => {
    await fixture.cluster.stores.trust.allow(["search-1", "search-2", "other"]);
    const watched = await fixture.signedIn("followers");
    const { page } = watched;
    await page.getByLabel("Identifier begins with").fill("search");
    await waitFor("two rows", async () => (await page.getByRole("row", { name: /search-|other/u }).count()) === 2);
    expect(page.url()).toContain("prefix=search");
    await page.getByRole("link", { name: "search-1" }).click();
    await page.getByRole("heading", { name: "Timeline" }).waitFor();
    await page.getByRole("listitem").getByText("allowed").waitFor();
    await page.goBack();
    await page.getByRole("link", { name: "search-2" }).waitFor();
    await leave(watched);
  });

  it("tells what happens while it is open, unless it is held", async () => {
    const watched = await fixture.signedIn("feed");
    const { page } = watched;
    const alice = await fixture.cluster.pairedFollower("alice");
    const session = await fixture.cluster.logIn(node, alice);
    await page.getByRole("log").getByText("alice").waitFor();
    await page.getByRole("button", { name: "Hold" }).click();
    await session.close();
    await page.getByText("1 change since").waitFor();
    expect(await page.getByRole("log").getByText("alice").count()).toBe(1);
    await page.getByRole("button", { name: "Go on" }).click();
    await waitFor("the end", async () => (await page.getByRole("log").getByText("alice").count()) === 2);
    await leave(watched);
  });

  it("comes back by itself when its link was lost", async () => {
    const watched = await fixture.signedIn();
    const { page, context } = watched;
    // The link is live when a view came over it.
    await page.getByRole("heading", { name: "Nodes" }).waitFor();
    await context.setOffline(true);
    await page.evaluate("window.dispatchEvent(new Event('offline'))");
    await page.getByText("The link to the coordinator is lost").waitFor();
    await context.setOffline(false);
    await page.getByText("The link to the coordinator is lost").waitFor({ state: "hidden" });
    await leave(watched);
  });
});
