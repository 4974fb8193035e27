import { describe, expect, it } from "vitest";
import { drawTop, type ScreenSize, shareSpace } from "./topScreen.ts";
import type { TopFollower, TopNode, TopRule, TopSnapshot } from "./topSnapshot.ts";
import { topText } from "./topText.ts";
import { FIRST_VIEW } from "./topView.ts";

const NOW = 1_800_000_000_000;

function node(nodeId: string, more: Partial<TopNode> = {}): TopNode {
  return {
    nodeId,
    name: nodeId,
    url: "ws://127.0.0.1:1",
    sessions: 10,
    state: "ok",
    leaseAgeMs: 1_234,
    share: 0.5,
    ...more,
  };
}

function follower(identifier: string, more: Partial<TopFollower> = {}): TopFollower {
  return {
    ...{ identifier, allowed: true, paired: true, pendingPairings: 0, status: "online", node: "node-a" },
    ...{ queued: 0, queuedBytes: 0, expired: 0, rejected: 0, deadLetters: 0, lastHeartbeatAt: NOW - 5_000 },
    changedAt: NOW - 60_000,
    ...more,
  };
}

function rule(name: string, more: Partial<TopRule> = {}): TopRule {
  return { rule: name, group: "cli", replicas: 2, backlog: 0, deadLetters: 0, ...more };
}

function snapshot(more: Partial<TopSnapshot> = {}): TopSnapshot {
  const counts = {
    online: 2,
    unstable: 1,
    offline: 7,
    notAllowed: 1,
    paired: 9,
    withQueue: 1,
    waiting: 4,
    deadLetters: 0,
    counted: 10,
  };
  return {
    at: NOW,
    view: FIRST_VIEW,
    nodes: [node("node-a"), node("node-b", { state: "late", leaseAgeMs: 9_000 })],
    coordinators: 2,
    followers: { known: 10, ...counts, complete: true },
    pairings: 0,
    deadLetterPlaces: 0,
    jobs: [{ queue: "notices", waiting: 1, delayed: 2, failed: 3 }],
    rules: { known: 1, shown: [rule("chat", { backlog: 5 })] },
    page: { rows: 10, shown: Array.from({ length: 10 }, (_, index) => follower(`follower-${index}`)) },
    ...more,
  };
}

const draw = (what: TopSnapshot, size: ScreenSize = { columns: 100, rows: 30 }, trouble?: string) =>
  drawTop(what, FIRST_VIEW.focus, size, { title: "yonexus top · somewhere", trouble });
const texts = (what: TopSnapshot, size?: ScreenSize) => draw(what, size).map(({ text }) => text);

describe("the screen of yonexus top", () => {
  it("says what there is: sums, nodes, rules, followers, keys", () => {
    const lines = texts(snapshot());
    expect(lines.slice(0, 5)).toEqual([
      "yonexus top · somewhere",
      "cluster    20 sessions on 2 nodes · 2 coordinators",
      "followers  10 known: 2 online, 1 unstable, 7 offline · 9 paired · 1 not allowed",
      "queues     4 messages for 1 follower · 5 from followers in 1 rule · no dead letters",
      "jobs       notices: 1 waiting, 2 delayed, 3 failed",
    ]);
    expect(lines).toContain("node-a  ok     10          #####····· 50 %  1.2 s");
    expect(lines).toContain("chat    cli    2         5        -");
    expect(lines).toContain("follower-0  online  1 min ago  node-a  5 s ago    -       -");
    expect(lines.at(-1)).toMatch(/^q quit/u);
  });

  it.each([
    { columns: 100, rows: 30 },
    { columns: 40, rows: 12 },
    { columns: 20, rows: 3 },
    { columns: 1, rows: 1 },
    { columns: 300, rows: 100 },
  ])("fills $columns × $rows and never more", (size) => {
    const lines = texts(snapshot(), size);
    expect(lines).toHaveLength(size.rows);
    for (const line of lines) expect([...line].length).toBeLessThanOrEqual(size.columns);
  });

  it("gives nodes and rules a quarter each at most, and followers the rest", () => {
    expect(shareSpace({ columns: 80, rows: 32 }, { nodes: 100, rules: 100 })).toEqual({
      nodes: 5,
      rules: 5,
      followers: 10,
    });
    expect(shareSpace({ columns: 80, rows: 32 }, { nodes: 2, rules: 0 })).toEqual({
      nodes: 2,
      rules: 0,
      followers: 20,
    });
    expect(shareSpace({ columns: 80, rows: 5 }, { nodes: 2, rules: 1 })).toEqual({ nodes: 0, rules: 0, followers: 0 });
  });

  it("marks what is not as it should be", () => {
    const lines = draw(
      snapshot({
        nodes: [node("node-x", { state: "gone", sessions: 0, share: 0 }), node("node-b", { state: "late" })],
        rules: { known: 2, shown: [rule("chat", { replicas: 0, backlog: 3 }), rule("done", { deadLetters: 1 })] },
        page: { rows: 1, shown: [follower("shaky", { status: "unstable" })] },
      }),
    );
    const lookOf = (start: string) => lines.find(({ text }) => text.startsWith(start))?.look;
    expect(lookOf("node-x")).toBe("bad");
    expect(lookOf("node-b")).toBe("worrying");
    expect(lookOf("chat")).toBe("bad");
    expect(lookOf("done")).toBe("worrying");
    expect(lookOf("shaky")).toBe("worrying");
  });

  it("says in the place of the title what is wrong with reading, and shows what was read last", () => {
    const lines = draw(snapshot(), undefined, "Redis is away.");
    expect(lines[0]).toEqual({ text: "Redis is away.", look: "bad" });
    expect(lines.map(({ text }) => text).join("\n")).toContain("follower-0");
  });

  it("says how many were counted until all were", () => {
    const { followers } = snapshot();
    expect(texts(snapshot({ followers: { ...followers, known: 5_000, complete: false } }))[2]).toMatch(
      /^followers {2}5000 known, 10 counted so far: 2 online/u,
    );
  });

  it("lets no name of a rule act on the terminal", () => {
    const lines = texts(snapshot({ rules: { known: 1, shown: [rule("evil\u001b[2J\nrule")] } }));
    expect(lines.join("")).not.toMatch(/\p{Cc}/u);
  });
});

it("as plain lines it is the same without a screen", () => {
  const text = topText(snapshot());
  expect(text).toContain("cluster    20 sessions on 2 nodes");
  expect(text).toMatch(/^node-b +late/mu);
  expect(text).toMatch(/^follower-9 +online/mu);
  expect(text).not.toContain("\u001b");
});
