import type Type from "typebox";
import type { Static } from "typebox";
import { Check } from "typebox/value";
import { PluginError } from "../core/errors.ts";
import { explainFailure } from "../core/failure.ts";
import type { HostTool, ToolResult } from "../core/host.ts";

/** What a tool answers: a sentence for the agent, and the same as data. */
interface ToolAnswer {
  readonly text: string;
  readonly outcome: object;
}

interface ToolDefinition<Parameters extends Type.TObject> {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly parameters: Parameters;
  /** What it throws is told to the agent as a failure. */
  readonly run: (params: Static<Parameters>, signal: AbortSignal | undefined) => Promise<ToolAnswer>;
}

/**
 * A tool whose arguments are checked: OpenClaw shows the schema to the model and takes whatever comes. A call never throws: an
 * agent is told what failed, by a code and a sentence, in the same shape as a result.
 */
export function defineTool<const Parameters extends Type.TObject>(definition: ToolDefinition<Parameters>): HostTool {
  const { name, label, description, parameters, run } = definition;
  return {
    name,
    label,
    description,
    parameters,
    execute: async (_callId, params, signal): Promise<ToolResult> => {
      try {
        const { text, outcome } = await run(checked(parameters, params ?? {}), signal);
        return { content: [{ type: "text", text }], details: { outcome } };
      } catch (error) {
        const { code, message } = explainFailure(error);
        return {
          content: [{ type: "text", text: `Failed (${code}): ${message}` }],
          details: { failure: { code, message } },
        };
      }
    },
  };
}

/** @throws PluginError `INVALID_PARAMETERS` that names the first wrong one and says what it must be. */
function checked<Parameters extends Type.TObject>(schema: Parameters, params: unknown): Static<Parameters> {
  if (Check(schema, params)) return params;
  throw new PluginError("INVALID_PARAMETERS", problemOf(schema, params));
}

function problemOf(schema: Type.TObject, params: unknown): string {
  if (typeof params !== "object" || params === null || Array.isArray(params))
    return "The parameters must be one object.";
  const required: readonly string[] = schema.required ?? [];
  for (const [name, field] of Object.entries(schema.properties)) {
    const expected = "description" in field ? String(field.description) : "as the tool's schema says";
    if (!Object.hasOwn(params, name)) {
      if (required.includes(name)) return `${name} is missing: ${expected}`;
    } else if (!Check(field, (params as Record<string, unknown>)[name])) {
      return `${name} is wrong: ${expected}`;
    }
  }
  const extra = Object.keys(params).find((name) => !Object.hasOwn(schema.properties, name));
  return extra === undefined
    ? "The parameters do not match the tool's schema."
    : `${extra.slice(0, 40)} is no parameter: there are ${Object.keys(schema.properties).join(", ")}.`;
}
