import { describe, expect, it } from "vitest";
import { completeLock } from "./platformPackages.ts";

const lockOf = (packages: Record<string, unknown>) => `${JSON.stringify({ lockfileVersion: 3, packages }, null, 2)}\n`;

describe("completeLock", () => {
  const tool = {
    version: "1.0.0",
    dev: true,
    optionalDependencies: { "@tool/linux-x64-musl": "1.0.0", "@tool/darwin-arm64": "1.0.0", fsevents: "~2.3.3" },
  };

  it("adds the packages of other platforms, and nothing that is not one", () => {
    const completed = JSON.parse(completeLock(lockOf({ "": {}, "node_modules/tool": tool })));
    expect(Object.keys(completed.packages)).toEqual([
      "",
      "node_modules/@tool/darwin-arm64",
      "node_modules/@tool/linux-x64-musl",
      "node_modules/tool",
    ]);
    expect(completed.packages["node_modules/@tool/linux-x64-musl"]).toEqual({
      version: "1.0.0",
      cpu: ["x64"],
      dev: true,
      libc: ["musl"],
      optional: true,
      os: ["linux"],
    });
  });

  it("leaves a complete lock file as it is, wherever in the tree the packages are", () => {
    const text = lockOf({
      "node_modules/@tool/darwin-arm64": {},
      "node_modules/other/node_modules/@tool/linux-x64-musl": {},
      "node_modules/other/node_modules/tool": tool,
    });
    expect(completeLock(text)).toBe(text);
  });
});
