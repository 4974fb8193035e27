import { type Config, ConfigError, loadConfig, nearestName } from "@yonexus/protocol/config";
import { isRule } from "@yonexus/protocol/wire/basics";
import { CONFIG_KEYS, MODES, SECRET_KEYS, SHARED_KEYS } from "./configSchema.ts";
import { PluginError } from "./errors.ts";
import { CONFIG_PLACE } from "./identity.ts";
import { MAX_RULES } from "./limits.ts";

/** A rule whose messages go to an agent of this gateway. */
export interface AgentRule {
  readonly rule: string;
  readonly agentId: string;
  /** OpenClaw's key of the session that is told: `agent:main:main`. */
  readonly sessionKey: string;
}

/** The plugin's settings, read once and sound. */
export interface PluginConfig {
  readonly mode: (typeof MODES)[number];
  /** What the cluster's processes share. It prints without its secrets. */
  readonly shared: Config;
  /** Undefined: this gateway says nothing about the allowlist. */
  readonly followerIdentifiers: readonly string[] | undefined;
  readonly agentRules: readonly AgentRule[];
}

const AGENT_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/u;
/** Master keys and bot tokens are longer. */
const MAX_SHOWN = 40;
const MAX_PROBLEMS = 10;
const SESSION = /^[A-Za-z0-9][A-Za-z0-9:._@+-]{0,199}$/u;

/**
 * Reads what stands in OpenClaw's configuration. Nothing there is the default of everything.
 * @throws PluginError `CONFIG_INVALID` with every problem, each with the key, what it must be, and no secret.
 */
export function readConfig(raw: unknown): PluginConfig {
  const values = asRecord(raw ?? {});
  if (values === undefined)
    throw invalid([`${CONFIG_PLACE} is not an object: it must look like { "redisUrl": "redis://127.0.0.1:6379" }.`]);
  const problems: string[] = [];
  const unknown = Object.keys(values).filter((key) => !(CONFIG_KEYS as readonly string[]).includes(key));
  for (const key of unknown.slice(0, MAX_PROBLEMS + 1)) {
    const near = nearestName(key.slice(0, MAX_SHOWN), CONFIG_KEYS);
    problems.push(
      `${label(shownName(key))} is not a setting: ${near === undefined ? "remove it" : `did you mean ${near}?`}`.replace(
        /([^?])$/u,
        "$1.",
      ),
    );
  }
  const unresolved = CONFIG_KEYS.filter((key) => {
    const problem = unresolvedProblem(key, values[key]);
    if (problem !== undefined) problems.push(problem);
    return problem !== undefined;
  });
  const usable = (key: string) =>
    values[key] !== undefined && values[key] !== null && !(unresolved as string[]).includes(key);
  const mode = usable("mode") ? readMode(values.mode, problems) : undefined;
  const agentRules = usable("rules") ? readRules(values.rules, problems) : [];
  const shared = readShared(
    Object.fromEntries(
      Object.keys(SHARED_KEYS)
        .filter(usable)
        .map((key) => [key, values[key]]),
    ),
    problems,
  );
  const { redisUrl } = values;
  const hasRedis = typeof redisUrl === "string" ? redisUrl.trim() !== "" : redisUrl !== undefined && redisUrl !== null;
  if (mode === undefined && !hasRedis && usable("redisUrl")) {
    problems.push(
      `${label("redisUrl")} is empty: set it to the Redis of the cluster, or remove it for a cluster of this gateway's own.`,
    );
  }
  if (mode === "cluster" && !hasRedis) {
    problems.push(
      `${label("redisUrl")} is not set: cluster mode needs it. Set it to the Redis of the cluster, or set mode to standalone.`,
    );
  }
  if (problems.length > 0 || shared === undefined) throw invalid(problems);
  return {
    mode: mode ?? (hasRedis ? "cluster" : "standalone"),
    shared,
    followerIdentifiers: usable("followerIdentifiers") ? shared.followerIdentifiers : undefined,
    agentRules,
  };
}

/** A cluster of this gateway without a Discord bot tells its codes on the terminal of this machine. */
export function codesAt({ mode, shared }: PluginConfig): "terminal" | "admin" {
  return mode === "standalone" && shared.notifier === "console" ? "terminal" : "admin";
}

function readShared(values: Readonly<Record<string, unknown>>, problems: string[]): Config | undefined {
  try {
    return loadConfig({ env: {}, entries: { place: CONFIG_PLACE, values } });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

/** A SecretRef that OpenClaw could not resolve arrives as it is, and so does an unset `${VARIABLE}` outside of secrets. */
function unresolvedProblem(key: string, value: unknown): string | undefined {
  const record = asRecord(value);
  if (record !== undefined && typeof record.source === "string" && typeof record.id === "string") {
    const isSecret = (SECRET_KEYS as readonly string[]).includes(key);
    if (!isSecret)
      return `${label(key)} is a SecretRef: only ${SECRET_KEYS.join(", ")} can be one. Write the value itself.`;
    const from =
      record.source === "env"
        ? `the variable ${record.id} is not set`
        : `the provider ${String(record.provider)} (${record.source}) does not give ${record.id}`;
    return `${label(key)} cannot be resolved: ${from}. Set it, then run \`openclaw secrets reload\` or restart the gateway.`;
  }
  const variable = typeof value === "string" ? /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/u.exec(value)?.[1] : undefined;
  if (variable === undefined) return undefined;
  return `${label(key)} names the variable ${variable}, which is not set: set it in the gateway's environment and restart it.`;
}

function readMode(value: unknown, problems: string[]): PluginConfig["mode"] | undefined {
  const mode = MODES.find((each) => each === value);
  if (mode === undefined) problems.push(`${label("mode")} is ${shown(value)}: it must be one of ${MODES.join(", ")}.`);
  return mode;
}

function readRules(value: unknown, problems: string[]): AgentRule[] {
  const record = asRecord(value);
  const place = label("rules");
  if (record === undefined) {
    problems.push(
      `${place} is not an object: it must look like { "ask": "main" }, a rule and the agent that it wakes.`,
    );
    return [];
  }
  const entries = Object.entries(record);
  if (entries.length > MAX_RULES) {
    problems.push(`${place} has ${entries.length} rules: a gateway handles ${MAX_RULES} at most. Take some out.`);
    return [];
  }
  return entries.flatMap(([rule, target]) => {
    if (!isRule(rule)) {
      problems.push(
        `${place} names ${shown(rule)}, which is no rule: 1 to 128 characters without \`::\` or control characters, not ending in a colon, not \`builtin\`.`,
      );
      return [];
    }
    const {
      agent = "main",
      session = "main",
      ...others
    } = typeof target === "string" ? { agent: target } : (asRecord(target) ?? { agent: undefined, "": "" });
    const unknown = Object.keys(others);
    if (
      unknown.length > 0 ||
      typeof agent !== "string" ||
      !AGENT_ID.test(agent) ||
      typeof session !== "string" ||
      !SESSION.test(session)
    ) {
      problems.push(
        `${place} says ${shown(target)} for the rule ${shownName(rule)}: it must be an agent's id, or { "agent": "main", "session": "main" }.`,
      );
      return [];
    }
    const sessionKey = session.startsWith("agent:") ? session : `agent:${agent}:${session}`;
    if (!sessionKey.startsWith(`agent:${agent}:`)) {
      problems.push(
        `${place} gives the rule ${shownName(rule)} a session of another agent than ${agent}: write the session's own name, as in { "agent": "${agent}", "session": "main" }.`,
      );
      return [];
    }
    return [{ rule, agentId: agent, sessionKey }];
  });
}

function label(key: string): string {
  return `${key} in ${CONFIG_PLACE}`;
}

/** A value in a problem, as JSON. */
function shown(value: unknown): string {
  return hidden(JSON.stringify(value) ?? String(value));
}

/** A name that somebody chose, in a problem. */
function shownName(name: string): string {
  const text = hidden(name);
  return text.length < name.length ? text : name.slice(0, MAX_SHOWN);
}

/** What is long, has an address with a password in it, or looks like a key or a token, may be a secret in the wrong place. */
function hidden(text: string): string {
  const isPlain = text.length <= MAX_SHOWN && !/@|[A-Za-z0-9+/=_-]{20,}/u.test(text);
  return isPlain ? text : "(not shown)";
}

function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** Every problem a line, ten at most. What the shared settings quote goes through the same sieve as our own. */
function invalid(problems: readonly string[]): PluginError {
  const lines = problems
    .slice(0, MAX_PROBLEMS)
    .map((problem) => problem.replace(/ is "(?:[^"\\]|\\.)*":/u, (quoted) => ` is ${hidden(quoted.slice(4, -1))}:`));
  const more = problems.length - lines.length;
  if (more > 0) lines.push(`And ${more} more ${more === 1 ? "problem" : "problems"}.`);
  return new PluginError("CONFIG_INVALID", lines.join("\n"));
}
