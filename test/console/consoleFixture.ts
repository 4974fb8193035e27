import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFollower, createMemoryState, type Follower } from "@yonexus/protocol/client";
import { ConsoleAccess } from "@yonexus/protocol/redis";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { buildConsolePage } from "../support/consolePage.ts";
import { freePorts } from "../support/freePorts.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { TestEnvironment } from "../support/testNode.ts";

/** Where scripts/testConsole.sh found one. */
const BROWSER = process.env.YONEXUS_TEST_BROWSER ?? "/usr/bin/chromium";

/** A page of the console, and what it did that it must not do. */
export interface WatchedPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Addresses that it asked for. */
  readonly requests: readonly string[];
  /** What broke the policy of the page, and errors of its script. */
  readonly complaints: readonly string[];
}

/** A cluster whose coordinator serves the console, and a browser to look at it. */
export class ConsoleFixture {
  readonly cluster: TestCluster;
  readonly access: ConsoleAccess;
  /** Where the console is, without a slash at its end. */
  readonly origin: string;
  readonly browser: Browser;
  readonly #redis: RedisServer;
  readonly #followers: Follower[] = [];

  private constructor(redis: RedisServer, cluster: TestCluster, origin: string, browser: Browser) {
    this.#redis = redis;
    this.cluster = cluster;
    this.access = new ConsoleAccess(cluster.stores.redis, cluster.stores.keys);
    this.origin = origin;
    this.browser = browser;
  }

  /** @param settings of every process of the cluster. */
  static async open(settings: TestEnvironment = {}): Promise<ConsoleFixture> {
    await buildConsolePage();
    const redis = await startRedis({ persistent: false });
    const [port = 0] = await freePorts(1);
    const origin = `http://127.0.0.1:${port}`;
    const cluster = await TestCluster.open(redis.url, settings);
    await cluster.startCoordinator({ YONEXUS_ADMIN_PORT: String(port), YONEXUS_CONSOLE_URL: origin });
    const browser = await chromium.launch({
      executablePath: BROWSER,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    return new ConsoleFixture(redis, cluster, origin, browser);
  }

  /** A browser of its own, that is not signed in. It asks for no motion, so a colour that a test reads is never one in between. */
  async newPage(options: BrowserContextOptions = {}): Promise<WatchedPage> {
    const context = await this.browser.newContext({ reducedMotion: "reduce", ...options });
    const page = await context.newPage();
    const requests: string[] = [];
    const complaints: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("websocket", (socket) => requests.push(socket.url()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (/Content Security Policy|Refused to/u.test(message.text())) complaints.push(message.text());
    });
    return { page, context, requests, complaints };
  }

  async newLink(by = "ann@test"): Promise<string> {
    const { token } = await this.access.addLink(by);
    return `${this.origin}/console/#sign-in=${token}`;
  }

  /** A browser that is signed in and shows a view. @param view like `pairings`. */
  async signedIn(view = "overview", options: BrowserContextOptions = {}): Promise<WatchedPage> {
    const watched = await this.newPage(options);
    await watched.page.goto(await this.newLink());
    // The heading is there before the session is.
    await watched.page.getByRole("button", { name: "Sign out" }).waitFor();
    if (view !== "overview") await watched.page.goto(`${this.origin}/console/#/${view}`);
    return watched;
  }

  /** A follower of the library that connects, and waits to be let in. */
  async waitingFollower(identifier: string, url: string): Promise<Follower> {
    await this.cluster.stores.trust.allow([identifier]);
    const follower = createFollower({ url, identifier, state: createMemoryState() });
    this.#followers.push(follower);
    // Of one that is refused it is never there.
    follower.connect().catch(() => undefined);
    return follower;
  }

  async close(): Promise<void> {
    await this.browser.close();
    for (const follower of this.#followers) follower.close();
    await this.cluster.stop();
    await this.#redis.stop();
  }
}

/** A folder for what a person looks at; CONSOLE_SCREENSHOTS names one that stays. */
export function screenshotFolder(): { readonly path: string; remove(): void } {
  const named = process.env.CONSOLE_SCREENSHOTS;
  if (named !== undefined && named !== "") return { path: named, remove: () => undefined };
  const path = mkdtempSync(join(tmpdir(), "yonexus-console-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
