import { readFileText } from "../process/fileText.ts";
import { readConfigFile } from "./configFile.ts";
import type { ConfigSources } from "./loadConfig.ts";
import { nearestName } from "./nearestName.ts";
import { listSettings, type SettingName } from "./settings.ts";
import { type NamedSpelling, spellingsOf } from "./spellings.ts";

/** What a source says about a setting. */
export interface Given {
  /** Absent when it could not be read, which is a problem that was told. */
  readonly text?: string;
  /** How a problem names it: the variable, or the key and the file. */
  readonly label: string;
}

/** A secret is small; a key and a URL are far below it. */
const MAX_SECRET_BYTES = 65_536;

/** All that the sources give; what comes later beats what comes before. What is wrong with a source goes to the problems. */
export function collectGiven(
  { env, file, entries }: ConfigSources<SettingName>,
  problems: string[],
): ReadonlyMap<SettingName, Given> {
  const spellings = listSettings().flatMap((setting) =>
    spellingsOf(setting).map((spelling): NamedSpelling => ({ ...spelling, setting })),
  );
  const given = new Map<SettingName, Given>();
  if (file !== undefined) {
    const { entries: read, problem } = readConfigFile(file);
    if (problem !== undefined) problems.push(problem);
    addAll(given, fromKeys(file, read ?? [], spellings, problems), problems);
  }
  if (entries !== undefined) {
    addAll(given, fromKeys(entries.place, Object.entries(entries.values), spellings, problems), problems);
  }
  addAll(given, fromEnvironment(env, spellings, problems), problems);
  return given;
}

/** A text that was found under a name. */
interface Found {
  readonly spelling: NamedSpelling;
  readonly label: string;
  readonly text: string;
}

/** The findings of one source. */
function addAll(given: Map<SettingName, Given>, found: readonly Found[], problems: string[]): void {
  const labels = new Map<SettingName, string>();
  for (const { spelling, label, text } of found) {
    const { name } = spelling.setting;
    const other = labels.get(name);
    if (other !== undefined) {
      problems.push(`${other} and ${label} are both set: unset one of them, they are the same setting.`);
      continue;
    }
    labels.set(name, label);
    given.set(name, spelling.isFile ? readSecret(text, label, spelling.setting.env, problems) : { text, label });
  }
}

/** The path is not repeated: it may be the secret itself, put into the wrong variable. */
function readSecret(path: string, label: string, env: string, problems: string[]): Given {
  const { text, problem } = readFileText(path, MAX_SECRET_BYTES);
  const value = text?.trim();
  if (value !== undefined && value !== "") return { text: value, label: `What the file of ${label} holds` };
  problems.push(
    `${label} names a file that ${problem ?? "is empty"}: it must be the path of a file that holds ${env}, which this user may read.`,
  );
  return { label };
}

function fromKeys(
  place: string,
  entries: Iterable<readonly [string, unknown]>,
  spellings: readonly NamedSpelling[],
  problems: string[],
): Found[] {
  const found: Found[] = [];
  for (const [key, value] of entries) {
    const spelling = spellings.find(({ fileKey }) => fileKey === key);
    const label = `${key} in ${place}`;
    if (spelling === undefined) {
      problems.push(unknownName(label, key, spellings, "fileKey"));
      continue;
    }
    const text = textOf(value, spelling);
    if (text === undefined) problems.push(`${label} has the wrong JSON type: ${jsonMend(spelling)}`);
    else if (text.trim() !== "") found.push({ spelling, label, text: text.trim() });
  }
  return found;
}

function fromEnvironment(env: ConfigSources["env"], spellings: readonly NamedSpelling[], problems: string[]): Found[] {
  for (const [variable, value] of Object.entries(env)) {
    if ((value?.trim() ?? "") === "" || !variable.startsWith("YONEXUS_")) continue;
    if (spellings.some((spelling) => spelling.env === variable) || isServiceLink(variable, env)) continue;
    problems.push(unknownName(variable, variable, spellings, "env"));
  }
  return spellings.flatMap((spelling) => {
    const text = env[spelling.env]?.trim() ?? "";
    return text === "" ? [] : [{ spelling, label: spelling.env, text }];
  });
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
function textOf(value: unknown, { setting: { kind }, isFile }: NamedSpelling): string | undefined {
  if (typeof value === "string") return value;
  if (isFile) return undefined;
  if (kind.json === "number" && typeof value === "number") return String(value);
  if (kind.json === "list" && Array.isArray(value) && value.every((part) => typeof part === "string")) {
    return value.join(",");
  }
  return undefined;
}

function jsonMend({ setting: { kind }, isFile }: NamedSpelling): string {
  return isFile ? "it must be the path of a file." : (kind.hint ?? `it must be ${kind.expects}.`);
}

function unknownName(label: string, given: string, spellings: readonly NamedSpelling[], as: "env" | "fileKey"): string {
  // Names of files are near to those of what stands in them, so each is compared with its own.
  const isFile = /_?file$/iu.test(given);
  const known = spellings.filter((spelling) => spelling.isFile === isFile).map((spelling) => spelling[as]);
  const near = nearestName(given, known);
  return near === undefined
    ? `${label} is not a setting: remove it, or look for its name in docs/configuration.md.`
    : `${label} is not a setting: did you mean ${near}?`;
}
