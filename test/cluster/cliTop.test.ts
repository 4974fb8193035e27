import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { TopReader } from "../../scripts/cli/top/topReader.ts";
import { FIRST_VIEW } from "../../scripts/cli/top/topView.ts";
import { Cli } from "../support/cliProcess.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { ageHeartbeat, claimEpoch, pairFollower } from "../support/stores.ts";
import { startAtTerminal, type TerminalProcess } from "../support/terminalProcess.ts";
import { TestCluster } from "../support/testCluster.ts";
import { waitFor } from "../support/waitFor.ts";

const ESC = "\u001b";
const OTHER_SCREEN = `${ESC}[?1049h`;
/** Colours off, wrapping on, the cursor there, the first screen back. */
const GIVEN_BACK = `${ESC}[0m${ESC}[?7h${ESC}[?25h${ESC}[?1049l`;

describe("yonexus top", () => {
  const cli = new Cli();
  let server: RedisServer;
  let cluster: TestCluster;
  let terminals: TerminalProcess[] = [];

  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    cluster = await TestCluster.open(server.url);
  });
  afterEach(async () => {
    for (const terminal of terminals) terminal.hangUp();
    terminals = [];
    await cluster.stop();
  });
  afterAll(async () => {
    cli.remove();
    await server.stop();
  });

  const once = async (...args: string[]) => cli.run(["top", ...args], { env: cluster.env });
  const open = async (rows?: number, columns?: number): Promise<TerminalProcess> => {
    const size = { ...(rows === undefined ? {} : { rows }), ...(columns === undefined ? {} : { columns }) };
    const terminal = await startAtTerminal(["top"], { cwd: cli.folder, env: cluster.env, ...size });
    terminals.push(terminal);
    return terminal;
  };
  /** Resolves when the screen that was drawn last, or one after it, is like that. */
  const screen = async (terminal: TerminalProcess, like: RegExp): Promise<string> => {
    return waitFor(
      `a screen like ${String(like)}`,
      () => {
        const drawn = terminal.output.split(`${ESC}[H`);
        const last = drawn.findLast((each) => each.includes(`${ESC}[J`)) ?? "";
        return like.test(last) ? last : undefined;
      },
      30_000,
    );
  };
  const live = (identifier: string) => cluster.stores.directory.find(identifier);

  it("as JSON is one object with nodes, followers by status, rules, queues and dead letters", async () => {
    const node = await cluster.startNode();
    await cluster.logIn(node, await cluster.pairedFollower("alpha"));
    await cluster.newFollower("beta");
    await cluster.holdRule({ rule: "chat", handler: () => Promise.resolve() });
    const sender = await cluster.sender();
    await sender.sendMessageToClient("beta", "chat::hello", { delivery: "queued" });
    await sender.close();
    // A node tells of its sessions when it renews its lease.
    await waitFor("the node to tell of it", async () => (await cluster.stores.nodes.list())[0]?.sessions === 1);
    const { stdout, stderr, exitCode } = await once("--json");
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout.trim().split("\n")).toHaveLength(1);
    const counts = {
      online: 1,
      unstable: 0,
      offline: 1,
      notAllowed: 0,
      paired: 1,
      withQueue: 1,
      waiting: 1,
      deadLetters: 0,
    };
    expect(JSON.parse(stdout)).toMatchObject({
      nodes: [{ nodeId: node.nodeId, sessions: 1, state: "ok", share: 1 }],
      coordinators: 0,
      followers: { known: 2, ...counts, counted: 2, complete: true },
      pairings: 0,
      deadLetterPlaces: 0,
      rules: { known: 1, shown: [{ rule: "chat", group: "tests", replicas: 1, backlog: 0, deadLetters: 0 }] },
      page: { rows: 1, shown: [{ identifier: "alpha", status: "online" }] },
    });
  });

  it.each([
    { where: "with --once", args: ["--once"] },
    { where: "where no terminal is", args: [] },
  ])("prints plain lines once $where", async ({ args }) => {
    await cluster.newFollower("beta");
    const { stdout, stderr, exitCode } = await once(...args);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout).toMatch(/^cluster +0 sessions on 0 nodes · NO COORDINATOR\nfollowers +1 known: 0 online/u);
    expect(stdout).toMatch(/^beta +offline/mu);
    expect(stdout).not.toContain(ESC);
  });

  it("shows what changes while it is looked at, and q gives the terminal back as it was", async () => {
    const node = await cluster.startNode();
    const alpha = await cluster.pairedFollower("alpha");
    const terminal = await open();
    await screen(terminal, /1 known: 0 online/u);
    const follower = await cluster.logIn(node, alpha);
    const drawn = await screen(terminal, /1 known: 1 online[\s\S]*alpha +online/u);
    expect(drawn).toContain(node.nodeId);
    await follower.close();
    await screen(terminal, /1 known: 0 online[\s\S]*alpha +offline/u);
    terminal.type("q");
    const { exitCode, modes } = await terminal.ended();
    expect(exitCode).toBe(0);
    expect(modes).toMatch(/ icanon .* echo /su);
    expect(terminal.output.indexOf(OTHER_SCREEN)).toBeGreaterThan(0);
    expect(terminal.output.lastIndexOf(GIVEN_BACK)).toBeGreaterThan(terminal.output.lastIndexOf(OTHER_SCREEN));
  });

  it("turns pages and sorts by the arrow keys", async () => {
    const names = Array.from({ length: 60 }, (_, index) => `follower-${String(index).padStart(2, "0")}`);
    await cluster.stores.trust.allow(names);
    const version = await pairFollower(cluster.stores, "follower-42");
    await claimEpoch(cluster.stores, "follower-42", version);
    const terminal = await open(24);
    // Only this one ever connected: its node is none.
    await screen(terminal, /changed ▾[\s\S]*\(1–1 of 1\)[\s\S]*follower-42/u);
    terminal.type(`${ESC}[C`);
    const first = await screen(terminal, /follower ▾[\s\S]*follower-00/u);
    const shown = Number(/\(1–(\d+) of 60\)/u.exec(first)?.[1]);
    expect(shown).toBeGreaterThan(3);
    terminal.type(`${ESC}[B`);
    const second = await screen(terminal, new RegExp(`\\(${shown + 1}–\\d+ of 60\\)`, "u"));
    expect(second).toContain(`follower-${String(shown).padStart(2, "0")}`);
    expect(second).not.toContain("follower-00");
    terminal.type(`${ESC}[F`);
    await screen(terminal, /–60 of 60\)[\s\S]*follower-59/u);
    terminal.type(`${ESC}[H`);
    await screen(terminal, /\(1–\d+ of 60\)[\s\S]*follower-00/u);
  });

  it("fits the terminal when it is resized", async () => {
    await cluster.newFollower("alpha");
    const terminal = await open(30, 120);
    const wide = await screen(terminal, /alpha/u);
    expect(wide.split("\r\n")).toHaveLength(30);
    terminal.resize(12, 40);
    const small = await waitFor(
      "a small screen",
      () =>
        terminal.output
          .split(`${ESC}[H`)
          .findLast((each) => each.includes(`${ESC}[J`) && each.split("\r\n").length === 12),
      30_000,
    );
    const seen = small.split("\r\n").map((line) => line.replace(ANSI, "").replaceAll("\r", ""));
    expect(seen.filter((line) => [...line].length > 40)).toEqual([]);
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const)(
    "gives the terminal back when it is ended by %s",
    async (signal) => {
      const terminal = await open();
      await screen(terminal, /known/u);
      terminal.signal(signal);
      const { exitCode, modes } = await terminal.ended();
      expect(exitCode).toBe(0);
      expect(modes).toMatch(/ icanon .* echo /su);
      expect(terminal.output).toContain(GIVEN_BACK);
    },
  );

  it("Ctrl-C is a key like q", async () => {
    const terminal = await open();
    await screen(terminal, /known/u);
    terminal.type("\u0003");
    expect(await terminal.ended()).toMatchObject({ exitCode: 0 });
    expect(terminal.output).toContain(GIVEN_BACK);
  });

  it("Ctrl-Z gives the terminal back, and takes it again where no shell stops it", async () => {
    const terminal = await open();
    await screen(terminal, /known/u);
    terminal.type("\u001a");
    await terminal.shows(`${GIVEN_BACK}${OTHER_SCREEN}`);
    const again = terminal.output.length;
    await terminal.shows(/known/u, again);
    terminal.type("q");
    expect(await terminal.ended()).toMatchObject({ exitCode: 0 });
  });

  it("ends when its terminal is gone", async () => {
    const terminal = await open();
    await screen(terminal, /known/u);
    terminal.hangUp();
    await waitFor("the command to end", () => !isRunning(terminal.pid), 30_000);
  });

  it("says that Redis is away and shows what it read last, and goes on by itself", async () => {
    await cluster.newFollower("alpha");
    const terminal = await open();
    await screen(terminal, /alpha/u);
    await server.kill();
    try {
      await screen(terminal, /Redis at \S+ does not answer; what is shown was read \d+ s ago[\s\S]*alpha/u);
    } finally {
      await server.restart();
    }
    await screen(terminal, /yonexus top · [\s\S]*alpha/u);
    terminal.type("q");
    expect(await terminal.ended()).toMatchObject({ exitCode: 0 });
  });

  it("q leaves at once while a Redis that hangs is asked", async () => {
    const terminal = await open();
    await screen(terminal, /known/u);
    await server.pause();
    try {
      await screen(terminal, /does not answer|is away/u);
      terminal.type("q");
      expect(await terminal.ended()).toMatchObject({ exitCode: 0 });
    } finally {
      await server.resume();
    }
  });

  it("where there is no cluster it is one sentence, and the terminal was never touched", async () => {
    const result = await cli.run(["top"], { env: { REDIS_URL: "redis+unix:///nowhere/redis.sock" } });
    expect(result).toMatchObject({ exitCode: 1, stdout: "" });
    expect(result.stderr.trim().split("\n")).toHaveLength(1);
  });

  describe("a look", () => {
    const reader = () =>
      new TopReader({
        redis: cluster.stores.redis,
        keys: cluster.stores.keys,
        leaseMs: 6_000,
        unstableAfterMs: 420_000,
      });
    const limits = { rules: 10, followers: 10 };

    it("asks Redis for no more when there are many more followers", async () => {
      const calls = async (): Promise<number> => {
        const looking = reader();
        await server.command("CONFIG", "RESETSTAT");
        for (let look = 0; look < 3; look += 1) {
          await looking.count();
          await looking.look({ ...FIRST_VIEW, sort: { ...FIRST_VIEW.sort, followers: "identifier" } }, limits);
        }
        const stats = String(await server.command("INFO", "commandstats"));
        return Array.from(stats.matchAll(/cmdstat_[^:]+:calls=(\d+)/gu), (match) => Number(match[1])).reduce(
          (a, b) => a + b,
          0,
        );
      };
      const some = Array.from({ length: 600 }, (_, index) => `f-${index}`);
      await cluster.stores.trust.allow(some);
      const few = await calls();
      const more = Array.from({ length: 4_000 }, (_, index) => `g-${index}`);
      for (let at = 0; at < more.length; at += 500) await cluster.stores.trust.allow(more.slice(at, at + 500));
      expect(Math.abs((await calls()) - few)).toBeLessThan(30);
    });

    it("counts every follower by its status, a page at a time", async () => {
      const names = Array.from({ length: 450 }, (_, index) => `f-${String(index).padStart(3, "0")}`);
      await cluster.stores.trust.allow(names);
      const node = await cluster.startNode();
      await cluster.logIn(node, await cluster.pairedFollower("f-100"));
      await cluster.logIn(node, await cluster.pairedFollower("f-300"));
      await ageHeartbeat(cluster.stores, "f-300", 430_000);
      await cluster.stores.sessions.judge("f-300", { unstableAfterMs: 420_000, offlineAfterMs: 660_000 });
      expect((await live("f-300"))?.status).toBe("unstable");
      const looking = reader();
      for (let page = 0; page < 3; page += 1) {
        expect(looking.isCountComplete).toBe(false);
        await looking.count();
      }
      const { followers } = await looking.look(FIRST_VIEW, limits);
      expect(followers).toMatchObject({
        known: 450,
        counted: 450,
        complete: true,
        online: 1,
        unstable: 1,
        offline: 448,
        paired: 2,
      });
    });

    it("names a node whose lease lapsed, and counts its sessions as offline before any sweep came by", async () => {
      const version = await pairFollower(cluster.stores, "alpha");
      await claimEpoch(cluster.stores, "alpha", version, { nodeId: "node-lost" });
      await cluster.stores.redis.zadd(cluster.stores.keys.nodes, 1, "node-lost");
      const looking = reader();
      await looking.count();
      const { nodes, followers } = await looking.look(FIRST_VIEW, limits);
      expect(nodes).toMatchObject([{ nodeId: "node-lost", state: "gone" }]);
      expect(followers).toMatchObject({ online: 0, offline: 1 });
    });
  });
});

const ANSI = new RegExp(`${ESC}\\[[?\\d;]*[a-zA-Z]`, "gu");

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
