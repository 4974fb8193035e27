import { describe, expect, it } from "vitest";
import { importProblems, importSpecifiers } from "./importRules.ts";

const importing = (path: string, specifier: string) =>
  importProblems([{ path, text: `import x from "${specifier}";\n` }]);

describe("importSpecifiers", () => {
  it("finds every form of import", () => {
    const text = [
      'import a from "a";',
      'import { b,\n  type C } from "b";',
      'import*as d from"d";',
      'import type { E } from "e";',
      'export { f } from "f";',
      'export * from "g";',
      'import "h";',
      'const i = await import("i");',
      'const j = require("j");',
      'type K = import("k").K;',
      'import{l}from"l";',
    ].join("\n");
    const found = importSpecifiers(text);
    expect(found.map((each) => each.text).sort()).toEqual([..."abdefghijkl"]);
    expect(found.filter((each) => each.isType).map((each) => each.text)).toEqual(["e"]);
  });

  it("takes neither comments nor other text for imports", () => {
    expect(
      importSpecifiers('// import a from "a"\n * import b from "b"\nconst c = "from";\nexport const d = "x";\n'),
    ).toEqual([]);
  });
});

describe("importProblems", () => {
  it.each([
    ["node/main.ts", "@yonexus/coordinator"],
    ["node/main.ts", "../coordinator/main.ts"],
    ["node/session/session.ts", "../../protocol/wire/index.ts"],
    ["coordinator/workers/sweep.ts", "@yonexus/node"],
    ["plugin/index.ts", "@yonexus/node"],
    ["plugin/core/send.ts", "../../scripts/main.ts"],
    ["plugin/standalone/cluster.ts", "../../node/main.ts"],
    ["plugin/standalone/cluster.ts", "@yonexus/cli"],
    ["protocol/redis/keys.ts", "../../node/main.ts"],
    ["protocol/client/index.ts", "@yonexus/node"],
    ["protocol/wire/parse.ts", "ws"],
    ["protocol/wire/parse.ts", "ioredis"],
    ["protocol/wire/parse.ts", "bullmq"],
    ["protocol/wire/parse.ts", "pino"],
    ["protocol/wire/messages/hello.ts", "node:fs"],
    ["protocol/wire/parse.ts", "../redis/keys.ts"],
    ["node/session/transition.ts", "node:timers"],
    ["node/session/transition.ts", "../cluster/receipts.ts"],
    ["node/session/stateTimers.ts", "@yonexus/protocol/redis"],
    ["scripts/check/main.ts", "@yonexus/protocol/config"],
    ["node/main.ts", "./compose"],
    ["node/main.ts", "./compose.js"],
    ["node/main.test.ts", "@yonexus/coordinator"],
  ])("refuses that %s imports %s", (path, specifier) => {
    expect(importing(path, specifier)).toEqual([expect.stringContaining(`${path} imports "${specifier}": `)]);
  });

  it.each([
    ["node/main.ts", "@yonexus/protocol/redis"],
    ["node/main.ts", "ws"],
    ["node/main.ts", "./compose.ts"],
    ["node/handlers/hello.ts", "../services/pairing.ts"],
    ["node/session/transition.ts", "./state.ts"],
    ["node/session/session.ts", "@yonexus/protocol/redis"],
    ["node/session/transition.ts", "@yonexus/protocol/wire"],
    ["node/session/transition.ts", "node:assert/strict"],
    ["node/session/transition.test.ts", "fast-check"],
    ["protocol/redis/connection.ts", "ioredis"],
    ["protocol/config/kind.ts", "../wire/identifier.ts"],
    ["protocol/wire/proof.ts", "tweetnacl"],
    ["protocol/wire/parse.test.ts", "node:fs"],
    ["plugin/standalone/cluster.ts", "@yonexus/node"],
    ["plugin/standalone/cluster.ts", "../core/config.ts"],
    ["scripts/main.ts", "@yonexus/node"],
    ["scripts/generate/main.ts", "@yonexus/protocol/config"],
    ["test/cluster/kill.test.ts", "@yonexus/coordinator"],
    ["test/redis/keys.test.ts", "../../protocol/redis/keys.ts"],
  ])("lets %s import %s", (path, specifier) => {
    expect(importing(path, specifier)).toEqual([]);
  });

  it("follows the state machine into the files it is made of, by values and not by types", () => {
    const problems = importProblems([
      {
        path: "node/session/transition.ts",
        text: 'import { on } from "./handshake.ts";\nimport type { Trust } from "@yonexus/protocol/redis";',
      },
      {
        path: "node/session/handshake.ts",
        text: 'import { connect } from "node:net";\nimport type { Port } from "./outbox.ts";',
      },
      { path: "node/session/outbox.ts", text: 'import { WebSocket } from "ws";' },
    ]);
    expect(problems).toEqual([expect.stringMatching(/^node\/session\/handshake\.ts imports "node:net": .*pure/)]);
  });
});
