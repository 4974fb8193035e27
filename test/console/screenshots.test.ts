import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContextOptions } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitFor } from "../support/waitFor.ts";
import { ConsoleFixture, screenshotFolder } from "./consoleFixture.ts";

const LOOKS: Record<string, BrowserContextOptions> = {
  light: { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  dark: { viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  phone: { viewport: { width: 360, height: 740 }, colorScheme: "light", deviceScaleFactor: 2, hasTouch: true },
};

let fixture: ConsoleFixture;
const folder = screenshotFolder();

beforeAll(async () => {
  mkdirSync(folder.path, { recursive: true });
  fixture = await ConsoleFixture.open();
  const { cluster } = fixture;
  const one = await cluster.startNodeProcess({ YONEXUS_NODE_NAME: "front-1" });
  const two = await cluster.startNode({ YONEXUS_NODE_NAME: "front-2" });
  const gone = await cluster.startNodeProcess({ YONEXUS_NODE_NAME: "front-3" });
  await cluster.holdRule({ rule: "chat", handler: () => undefined });
  const sender = await cluster.sender();
  for (let index = 0; index < 32; index++) {
    const identifier = `gateway-${String(index).padStart(2, "0")}`;
    const identity = await cluster.pairedFollower(identifier);
    if (index % 3 !== 2) await cluster.logIn(index % 2 === 0 ? one : two, identity);
    if (index < 12) {
      for (let count = 0; count <= index % 5; count++) {
        await sender.sendMessageToClient(identifier, "chat::hello", {
          delivery: "queued",
          ttlMs: count === 3 ? 60 : 3_600_000,
        });
      }
    }
  }
  await fixture.waitingFollower("newcomer", two.url);
  await fixture.waitingFollower("a-follower-with-a-rather-long-identifier-that-has-64-characters-", two.url);
  const dashboards = await fixture.signedIn();
  await dashboards.page.locator('[data-state="ready"]').nth(2).waitFor();
  gone.signal("SIGKILL");
  await dashboards.page
    .getByRole("row", { name: /front-3/u })
    .locator('[data-state="lost"]')
    .waitFor();
  await dashboards.context.close();
});
afterAll(async () => {
  await fixture.close();
  folder.remove();
});

describe.each(Object.entries(LOOKS))("the console in %s", (look, options) => {
  it.each([
    ["overview", "Nodes"],
    ["followers", "gateway-00"],
    ["follower/gateway-03", "Timeline"],
    ["pairings", "newcomer"],
    ["feed", "gateway-01"],
  ])("shows %s without a side scroll", async (view, text) => {
    const { page, context, complaints } = await fixture.signedIn(view, options);
    await page.getByText(text, { exact: true }).first().waitFor();
    if (view === "overview") await page.locator(".u-over").first().waitFor();
    const width = await waitFor(
      "a width",
      () => page.evaluate("document.documentElement.scrollWidth") as Promise<number>,
    );
    expect(width).toBeLessThanOrEqual(options.viewport?.width ?? 0);
    await page.screenshot({ path: join(folder.path, `${view.replace("/", "-")}-${look}.png`), fullPage: true });
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("shows who is not signed in what to do", async () => {
    const { page, context } = await fixture.newPage(options);
    await page.goto(`${fixture.origin}/console/`);
    await page.getByText("yonexus console").waitFor();
    await page.screenshot({ path: join(folder.path, `signed-out-${look}.png`), fullPage: true });
    await context.close();
  });
});
