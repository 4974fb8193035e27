import Type from "typebox";
import { describe, expect, it } from "vitest";
import { PluginError } from "../core/errors.ts";
import { defineTool } from "./tool.ts";

const tool = (run: (params: { name: string; count?: number }) => Promise<{ text: string; outcome: object }>) =>
  defineTool({
    name: "t",
    label: "t",
    description: "t",
    parameters: Type.Object(
      {
        name: Type.String({ minLength: 1, description: "The name." }),
        count: Type.Optional(Type.Integer({ minimum: 1, description: "A whole number from 1 on." })),
      },
      { additionalProperties: false },
    ),
    run,
  });

const echo = tool(async (params) => ({ text: params.name, outcome: params }));

describe("a tool", () => {
  it("answers with a sentence and the same as data", async () => {
    expect(await echo.execute("1", { name: "a", count: 2 })).toEqual({
      content: [{ type: "text", text: "a" }],
      details: { outcome: { name: "a", count: 2 } },
    });
  });

  it.each<[unknown, string]>([
    [undefined, "name is missing: The name."],
    [{}, "name is missing: The name."],
    [{ name: "" }, "name is wrong: The name."],
    [{ name: 7 }, "name is wrong: The name."],
    [{ name: "a", count: "2" }, "count is wrong: A whole number from 1 on."],
    [{ name: "a", cuont: 2 }, "cuont is no parameter: there are name, count."],
    [[1], "The parameters must be one object."],
    ["a", "The parameters must be one object."],
  ])("given %j says which parameter is wrong, and runs nothing", async (params, message) => {
    let ran = false;
    const watched = tool(async () => {
      ran = true;
      return { text: "", outcome: {} };
    });
    const { details } = await watched.execute("1", params);
    expect(details).toEqual({ failure: { code: "INVALID_PARAMETERS", message } });
    expect(ran).toBe(false);
  });

  it("tells what failed in the shape of a result, and of the unforeseen nothing that could hold a secret", async () => {
    const refused = tool(async () => {
      throw new PluginError("NOT_CONNECTED", "Redis does not answer.");
    });
    expect((await refused.execute("1", { name: "a" })).details).toEqual({
      failure: { code: "NOT_CONNECTED", message: "Redis does not answer." },
    });
    const broken = tool(async () => {
      throw new Error("redis://:hunter2@host");
    });
    expect(JSON.stringify(await broken.execute("1", { name: "a" }))).not.toContain("hunter2");
  });
});
