import { hostname } from "node:os";
import { inspect } from "node:util";
import { ConfigError } from "./configError.ts";
import { readConfigFile } from "./configFile.ts";
import { nearestName } from "./nearestName.ts";
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

interface Given {
  readonly text: string;
  /** How a problem names it: the variable, or the key and the file. */
  readonly label: string;
}

/** @throws {ConfigError} with every problem found, when there is one. */
export function loadConfig<Required extends SettingName = never>(
  sources: ConfigSources<Required>,
): LoadedConfig<Required> {
  const problems: string[] = [];
  const given = collect(sources, problems);
  const secrets = [...given].filter(([name]) => isSecret(name)).map(([, { text }]) => text);
  const values = new Map<SettingName, unknown>();
  for (const setting of listSettings()) {
    const entry = given.get(setting.name);
    if (entry === undefined) {
      if (setting.default !== undefined) values.set(setting.name, setting.kind.parse(setting.default));
      continue;
    }
    const value = setting.kind.parse(entry.text);
    if (value === undefined) problems.push(refusal(setting, entry, secrets));
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

function collect(sources: ConfigSources<SettingName>, problems: string[]): ReadonlyMap<SettingName, Given> {
  const settings = listSettings();
  const given = new Map<SettingName, Given>();
  const keyed: { place: string; entries: Iterable<readonly [string, unknown]> }[] = [];
  if (sources.file !== undefined) {
    const { entries, problem } = readConfigFile(sources.file);
    if (problem !== undefined) problems.push(problem);
    keyed.push({ place: sources.file, entries: entries ?? [] });
  }
  if (sources.entries !== undefined) {
    keyed.push({ place: sources.entries.place, entries: Object.entries(sources.entries.values) });
  }
  for (const { place, entries } of keyed) {
    for (const [key, value] of entries) {
      const setting = settings.find(({ fileKey }) => fileKey === key);
      const label = `${key} in ${place}`;
      if (setting === undefined) {
        problems.push(
          unknownName(
            label,
            key,
            settings.map(({ fileKey }) => fileKey),
          ),
        );
        continue;
      }
      const text = textOf(value, setting);
      if (text === undefined) problems.push(`${label} has the wrong JSON type: ${mend(setting)}`);
      else if (text.trim() !== "") given.set(setting.name, { text: text.trim(), label });
    }
  }
  for (const [variable, value] of Object.entries(sources.env)) {
    const text = value?.trim() ?? "";
    if (text === "") continue;
    const setting = settings.find(({ env }) => env === variable);
    if (setting !== undefined) given.set(setting.name, { text, label: variable });
    else if (variable.startsWith("YONEXUS_") && !isServiceLink(variable, sources.env)) {
      problems.push(
        unknownName(
          variable,
          variable,
          settings.map(({ env }) => env),
        ),
      );
    }
  }
  return given;
}

/**
 * Kubernetes puts variables into every container for every Service beside it, and a Service called `yonexus` begins
 * them with YONEXUS_. They are not settings and not mistakes.
 */
function isServiceLink(variable: string, env: ConfigSources["env"]): boolean {
  if (env.KUBERNETES_SERVICE_HOST === undefined) return false;
  const service = /^(\w+?)_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_\w+)?)$/.exec(variable)?.[1];
  return service !== undefined && env[`${service}_SERVICE_HOST`] !== undefined;
}

/** A JSON value as the text its kind reads, or nothing when the JSON type does not fit the kind. */
function textOf(value: unknown, { kind }: Setting): string | undefined {
  if (typeof value === "string") return value;
  if (kind.json === "number" && typeof value === "number") return String(value);
  if (kind.json === "list" && Array.isArray(value) && value.every((part) => typeof part === "string")) {
    return value.join(",");
  }
  return undefined;
}

function unknownName(label: string, given: string, known: readonly string[]): string {
  const near = nearestName(given, known);
  return near === undefined
    ? `${label} is not a setting: remove it, or look for its name in docs/configuration.md.`
    : `${label} is not a setting: did you mean ${near}?`;
}

function refusal(setting: Setting, { text, label }: Given, secrets: readonly string[]): string {
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
