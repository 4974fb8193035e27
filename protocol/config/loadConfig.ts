import { hostname } from "node:os";
import { inspect } from "node:util";
import { ConfigError } from "./configError.ts";
import { collectGiven, type Given } from "./given.ts";
import { type Config, listSettings, SETTINGS, type Setting, type SettingName } from "./settings.ts";

export interface ConfigSources<Required extends SettingName = never> {
  /** Usually `process.env`. It beats the file; an empty value counts as unset. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The path of a JSON file with the camelCase names. */
  readonly file?: string | undefined;
  /** Settings by their camelCase names, from a program that keeps them in a configuration of its own. */
  readonly entries?: ConfigEntries;
  /** Settings without a default that this process cannot do without. */
  readonly require?: readonly Required[];
  /** The machine's name, from which the node's default name is made. */
  readonly hostName?: string;
}

export interface ConfigEntries {
  /** Where they stand, as a problem names it: `plugins.entries.x.config`. */
  readonly place: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** In the result, what was required is not `undefined`. */
export type LoadedConfig<Required extends SettingName> = Config & {
  readonly [N in Required]: NonNullable<Config[N]>;
};

/** @throws {ConfigError} with every problem found, when there is one. */
export function loadConfig<Required extends SettingName = never>(
  sources: ConfigSources<Required>,
): LoadedConfig<Required> {
  const problems: string[] = [];
  const given = collectGiven(sources, problems);
  const secrets = [...given].filter(([name]) => isSecret(name)).flatMap(([, { text }]) => text ?? []);
  const values = new Map<SettingName, unknown>();
  for (const setting of listSettings()) {
    const entry = given.get(setting.name);
    if (entry === undefined) {
      if (setting.default !== undefined) values.set(setting.name, setting.kind.parse(setting.default));
      continue;
    }
    if (entry.text === undefined) continue;
    const value = setting.kind.parse(entry.text);
    if (value === undefined) problems.push(refusal(setting, entry.label, entry.text, secrets));
    else values.set(setting.name, value);
  }

  if (!given.has("masterKeys")) values.set("masterKeys", Object.freeze([]));
  if (!given.has("nodeName")) values.set("nodeName", nodeNameFrom(sources.hostName ?? hostname()));
  if (!given.has("handshakeRatePerAddress")) {
    values.set("handshakeRatePerAddress", Math.ceil(Number(values.get("handshakeRatePerSecond")) / 4));
  }
  if (!given.has("notifier")) values.set("notifier", given.has("notifyBotToken") ? "discord" : "console");

  const labelOf = (name: SettingName) => given.get(name)?.label ?? unsetLabel(name, sources.entries);
  for (const name of sources.require ?? []) {
    if (given.has(name) || "default" in SETTINGS[name] || "derived" in SETTINGS[name]) continue;
    problems.push(`${labelOf(name)} is not set: ${mend(SETTINGS[name])}`);
  }
  problems.push(...contradictions(values, given, labelOf));
  if (problems.length > 0) throw new ConfigError(problems);
  return guard(
    Object.fromEntries(listSettings().map(({ name }) => [name, values.get(name)])),
  ) as LoadedConfig<Required>;
}

/** The same configuration for people to look at: a secret shows only whether it is set. */
export function redactConfig(config: Config): Readonly<Record<SettingName, unknown>> {
  const shown = listSettings().map(({ name, secret }) => {
    const value: unknown = config[name];
    if (secret !== true) return [name, value];
    return [name, value === undefined || (Array.isArray(value) && value.length === 0) ? "(not set)" : "(set)"];
  });
  return Object.fromEntries(shown) as Record<SettingName, unknown>;
}

function refusal(setting: Setting, label: string, text: string, secrets: readonly string[]): string {
  // A secret pasted into the wrong variable is still a secret; long text is more likely one than a typing mistake.
  const silent = text.length > 60 || secrets.some((secret) => text.includes(secret));
  if (setting.secret === true) return `${label} is not ${setting.kind.expects}: ${mend(setting)}`;
  return `${label} is ${silent ? "not valid" : JSON.stringify(text)}: ${mend(setting)}`;
}

function mend({ kind }: Setting): string {
  return kind.hint ?? `it must be ${kind.expects}.`;
}

/** What a person has to write to set it: the variable, or the key where a program brings the settings. */
function unsetLabel(name: SettingName, entries: ConfigEntries | undefined): string {
  const setting: Setting = SETTINGS[name];
  return entries === undefined ? setting.env : `${setting.fileKey ?? name} in ${entries.place}`;
}

function isSecret(name: SettingName): boolean {
  return "secret" in SETTINGS[name];
}

/** A certificate and its key. */
const PAIRS = [
  ["tlsCert", "tlsKey"],
  ["redisCert", "redisKey"],
] as const;

/** What no single setting can see. Only values that are themselves sound are compared. */
function contradictions(
  values: ReadonlyMap<SettingName, unknown>,
  given: ReadonlyMap<SettingName, Given>,
  labelOf: (name: SettingName) => string,
): string[] {
  const found: string[] = [];
  const read = (name: SettingName) => Number(values.get(name));
  if (read("offlineAfterMs") <= read("unstableAfterMs")) {
    found.push(
      `${labelOf("offlineAfterMs")} is ${read("offlineAfterMs")}: it must be more than ${labelOf("unstableAfterMs")}, which is ${read("unstableAfterMs")}.`,
    );
  }
  if (read("maxSendBufferBytes") < read("maxFrameBytes")) {
    found.push(
      `${labelOf("maxSendBufferBytes")} is ${read("maxSendBufferBytes")}: it must be at least ${labelOf("maxFrameBytes")}, which is ${read("maxFrameBytes")}.`,
    );
  }
  for (const [one, other] of PAIRS) {
    const missing = given.has(one) ? other : one;
    if (given.has(one) !== given.has(other)) {
      found.push(`${labelOf(missing)} is not set: a certificate needs its key. Set both, or neither.`);
    }
  }
  if (values.get("notifier") === "discord") {
    const needed = ["notifyBotToken", "adminUserId"] as const;
    for (const name of needed.filter((each) => !given.has(each))) {
      found.push(`${labelOf(name)} is not set: the discord notifier needs it. ${SETTINGS[name].about}`);
    }
  }
  return found;
}

function nodeNameFrom(machine: string): string {
  return machine.replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 40) || "node";
}

/** Printed, logged or turned into JSON as a whole, a configuration shows no secret. */
function guard(values: Record<string, unknown>): Config {
  const config = values as Config;
  const redacted = { value: () => redactConfig(config), enumerable: false };
  return Object.freeze(Object.defineProperties(config, { toJSON: redacted, [inspect.custom]: redacted }));
}
