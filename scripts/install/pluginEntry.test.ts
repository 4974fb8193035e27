import fc from "fast-check";
import { parse, visit } from "jsonc-parser";
import { describe, expect, it } from "vitest";
import { configuredLoadPaths, disableEntry, enableEntry, UneditableConfig } from "./pluginEntry.ts";
import type { Refusal } from "./refusal.ts";
import { madeUpConfig, plainConfig } from "./test/madeUpConfig.ts";

const RUNS = { numRuns: 500 };

describe("enabling the plugin", () => {
  it.each([
    ["{}", '{"plugins":{"entries":{"yonexus-server":{"enabled":true}}}}'],
    ["{}\n", '{"plugins":{"entries":{"yonexus-server":{"enabled":true}}}}\n'],
    [
      '{\n  "a": 1\n}\n',
      '{\n  "a": 1,\n  "plugins": {\n    "entries": {\n      "yonexus-server": {\n        "enabled": true\n      }\n    }\n  }\n}\n',
    ],
    [
      '{\r\n\t"plugins": {\r\n\t\t"entries": {}\r\n\t}\r\n}',
      '{\r\n\t"plugins": {\r\n\t\t"entries": {\r\n\t\t\t"yonexus-server": {\r\n\t\t\t\t"enabled": true\r\n\t\t\t}\r\n\t\t}\r\n\t}\r\n}',
    ],
    [
      '{\n  // ours\n  "plugins": {"entries": {"b": {}}}, // last\n}',
      '{\n  // ours\n  "plugins": {"entries": {"b": {}, "yonexus-server": {"enabled":true}}}, // last\n}',
    ],
    [
      '{\n  "plugins": {\n    "allow": ["b"], // only these\n  },\n}',
      '{\n  "plugins": {\n    "allow": ["b", "yonexus-server"], // only these\n    "entries": {\n      "yonexus-server": {\n        "enabled": true\n      }\n    },\n  },\n}',
    ],
    [
      '{"plugins":{"entries":{"yonexus-server":{"enabled":false}}}}',
      '{"plugins":{"entries":{"yonexus-server":{"enabled":true}}}}',
    ],
    ['{"a":1 // end\n}', '{"a":1, // end\n  "plugins":{"entries":{"yonexus-server":{"enabled":true}}}\n}'],
  ])("turns %j into %j", (text, expected) => {
    const made = enableEntry(text).text;
    expect(parse(made)).toEqual(parse(expected));
    // Where a value goes on one line, and how, is the layout of the text around it.
    expect(made.replaceAll(/\s/gu, "")).toBe(expected.replaceAll(/\s/gu, ""));
    if (text !== '{"a":1 // end\n}') expect(made).toBe(expected);
  });

  it("changes no more than that, whatever the text is like", () => {
    fc.assert(
      fc.property(madeUpConfig, ({ text, value }) => {
        const { text: made } = enableEntry(text);
        expect(parse(made, [], { allowTrailingComma: true })).toEqual(withPlugin(value));
        expect(commentsOf(made)).toEqual(commentsOf(text));
        const wasSet = enableEntry(text).before.enabled !== null;
        if (!wasSet) expect(isSubsequence(text, made)).toBe(true);
      }),
      RUNS,
    );
  });

  it("changes nothing the second time", () => {
    fc.assert(
      fc.property(madeUpConfig, ({ text }) => {
        const once = enableEntry(text).text;
        expect(enableEntry(once)).toMatchObject({ text: once, says: [] });
      }),
      RUNS,
    );
  });

  it("says that it was switched off before", () => {
    const { says } = enableEntry('{"plugins":{"entries":{"yonexus-server":{"enabled":false}}}}');
    expect(says).toEqual(["set plugins.entries.yonexus-server.enabled to true (it was false)"]);
  });

  it("knows the id in any case, as OpenClaw does", () => {
    const text = '{"plugins":{"allow":["YONEXUS-server"],"entries":{"Yonexus-Server":{"enabled":true}}}}';
    expect(enableEntry(text).text).toBe(text);
  });

  it.each([
    ['{"plugins":{"deny":["x","yonexus-server"]}}', "PLUGIN_DENIED"],
    ['{"plugins":{"enabled":false}}', "PLUGINS_OFF"],
  ])("stops where the configuration forbids it: %s", (text, code) => {
    expect(() => enableEntry(text)).toThrow(expect.objectContaining({ code }) as Refusal);
  });

  it.each([
    ["", "not JSON"],
    ["// nothing", "not JSON"],
    ["{plugins: {}}", "not JSON"],
    ["{'plugins': {}}", "not JSON"],
    ['{"a": 1', "not JSON"],
    ['{"a": +1}', "not JSON"],
    ["[]", "not an object"],
    ['"text"', "not an object"],
    ["null", "not an object"],
    ['{"plugins":[]}', "plugins is not an object"],
    ['{"plugins":null}', "plugins is not an object"],
    ['{"plugins":{"entries":[]}}', "plugins.entries is not an object"],
    ['{"plugins":{"entries":{"yonexus-server":true}}}', "plugins.entries.yonexus-server is not an object"],
    ['{"plugins":{"allow":"all"}}', "plugins.allow is not a list"],
    ['{"plugins":{"deny":{}}}', "plugins.deny is not a list"],
    ['{"$include":"base.json"}', "$include"],
    ['{"plugins":{"$include":["a.json"]}}', "plugins takes parts from other files"],
    ['{"plugins":{"entries":{"$include":"a.json"}}}', "plugins.entries takes parts from other files"],
    ['{"plugins":{},"plugins":{}}', "twice"],
  ])("does not edit %j", (text, why) => {
    expect(() => enableEntry(text)).toThrow(UneditableConfig);
    expect(() => enableEntry(text)).toThrow(why);
  });

  it.each([501, 200_000])("does not edit what is nested %i deep", (depth) => {
    const text = `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
    expect(() => enableEntry(text)).toThrow(UneditableConfig);
    expect(() => enableEntry(text)).toThrow("500 deep");
    expect(() => disableEntry(text, undefined)).toThrow(UneditableConfig);
  });

  it("edits what is nested 500 deep", () => {
    const text = `{"a":${"[".repeat(499)}${"]".repeat(499)}}`;
    expect(enableEntry(text).text).toContain("yonexus-server");
  });

  it("takes brackets in strings and comments for what they are", () => {
    const text = `{"a":"${"[".repeat(600)}" /* ${"{".repeat(600)} */}`;
    expect(enableEntry(text).text).toContain("yonexus-server");
  });

  it("leaves an include of another part alone", () => {
    expect(enableEntry('{"agents":{"$include":"agents.json"}}').text).toContain(
      '{"agents":{"$include":"agents.json"},',
    );
  });
});

describe("disabling the plugin", () => {
  it("gives back what was there before, with all comments", () => {
    fc.assert(
      fc.property(madeUpConfig, ({ text, value }) => {
        const { text: made, before } = enableEntry(text);
        const back = disableEntry(made, before).text;
        expect(parse(back, [], { allowTrailingComma: true })).toEqual(value);
        expect(commentsOf(back)).toEqual(commentsOf(text));
      }),
      RUNS,
    );
  });

  it("gives back every byte of what an editor wrote", () => {
    fc.assert(
      fc.property(plainConfig, (text) => {
        const { text: made, before } = enableEntry(text);
        // An empty object or list is opened for its first child, and stays open.
        const isOpened = /\{\}|\[\]/u.test(text);
        if (!isOpened) expect(disableEntry(made, before).text).toBe(text);
      }),
      RUNS,
    );
  });

  it("takes out all that names the plugin when it does not know what was there before", () => {
    fc.assert(
      fc.property(madeUpConfig, ({ text, value }) => {
        const made = enableEntry(text).text;
        const back = disableEntry(made, undefined).text;
        expect(parse(back, [], { allowTrailingComma: true })).toEqual(withoutPlugin(value));
        expect(isSubsequence(back, made)).toBe(true);
      }),
      RUNS,
    );
  });

  it("keeps what somebody else added to the parts that the installation made", () => {
    const { before } = enableEntry("{}");
    const since = '{"plugins":{"entries":{"yonexus-server":{"enabled":true,"config":{}},"other":{}}}}';
    expect(disableEntry(since, before).text).toBe('{"plugins":{"entries":{"other":{}}}}');
  });

  it("keeps an empty part with a comment in it", () => {
    const { before } = enableEntry("{}");
    const since = '{"plugins":{/* mine */"entries":{"yonexus-server":{"enabled":true}}}}';
    expect(disableEntry(since, before).text).toBe('{"plugins":{/* mine */}}');
  });

  it("finds nothing to do in a configuration without the plugin", () => {
    expect(disableEntry('{"plugins":{"entries":{}}}', undefined)).toEqual({
      text: '{"plugins":{"entries":{}}}',
      says: [],
    });
  });
});

describe("configuredLoadPaths", () => {
  it("gives the paths of linked plugins, and none where there are none", () => {
    expect(configuredLoadPaths('{"plugins":{"load":{"paths":["/a", 1]}}}')).toEqual(["/a"]);
    expect(configuredLoadPaths("{}")).toEqual([]);
    expect(configuredLoadPaths("not JSON")).toEqual([]);
    expect(configuredLoadPaths('\uFEFF{"plugins":{"load":{"paths":["/a"]}}}')).toEqual(["/a"]);
    expect(configuredLoadPaths("[".repeat(200_000))).toEqual([]);
  });
});

function withPlugin(value: Record<string, unknown>): unknown {
  const plugins = (value.plugins ?? {}) as Record<string, unknown>;
  const entries = (plugins.entries ?? {}) as Record<string, Record<string, unknown>>;
  const allow = plugins.allow as string[] | undefined;
  const isAllowed = allow === undefined || allow.some((id) => id.toLowerCase() === "yonexus-server");
  return {
    ...value,
    plugins: {
      ...plugins,
      entries: { ...entries, "yonexus-server": { ...entries["yonexus-server"], enabled: true } },
      ...(allow === undefined ? {} : { allow: isAllowed ? allow : [...allow, "yonexus-server"] }),
    },
  };
}

function withoutPlugin(value: Record<string, unknown>): unknown {
  const plugins = (value.plugins ?? {}) as Record<string, unknown>;
  const { "yonexus-server": _, ...entries } = (plugins.entries ?? {}) as Record<string, unknown>;
  const allow = plugins.allow as string[] | undefined;
  return {
    ...value,
    plugins: {
      ...plugins,
      entries,
      ...(allow === undefined ? {} : { allow: allow.filter((id) => id.toLowerCase() !== "yonexus-server") }),
    },
  };
}

function commentsOf(text: string): string[] {
  const found: string[] = [];
  visit(text, { onComment: (offset, length) => found.push(text.slice(offset, offset + length)) });
  return found;
}

/** Whether the text is what remains of another one from which something is taken out. */
function isSubsequence(text: string, of: string): boolean {
  let at = 0;
  for (const character of of) if (text.startsWith(character, at)) at += character.length;
  return at === text.length;
}
