import { getNodeValue, type Node } from "jsonc-parser";
import { isPluginId, PLUGIN_ID } from "./identity.ts";
import {
  applyEdits,
  behindMark,
  insertElement,
  insertProperty,
  parseJsonText,
  removeChild,
  type TextEdit,
} from "./jsonText.ts";
import { Refusal } from "./refusal.ts";

/** What OpenClaw's configuration held of the plugin before it was installed: what an uninstall goes back to. */
export interface EntryBefore {
  readonly plugins: boolean;
  readonly entries: boolean;
  readonly entry: boolean;
  /** The JSON of `enabled`; null where the entry had none. */
  readonly enabled: string | null;
  readonly allowed: boolean;
}

/** What a change of the configuration did, in sentences without a subject. */
export interface EntryChange {
  readonly text: string;
  readonly says: readonly string[];
}

/** What a person has to see to when the installer cannot. */
export const LINES_TO_ADD: readonly string[] = [
  `"plugins": { "entries": { "${PLUGIN_ID}": { "enabled": true } } }`,
  `and, only if there is a list "plugins.allow", "${PLUGIN_ID}" in it`,
];
export const LINES_TO_REMOVE: readonly string[] = [
  `"${PLUGIN_ID}": { … }, in "plugins.entries"`,
  `"${PLUGIN_ID}", in "plugins.allow" if that list is there`,
];

/** The text does not parse, or takes this part of itself from other files. */
export class UneditableConfig extends Error {
  /** A clause: what is in the way. */
  readonly why: string;

  constructor(why: string) {
    super(why);
    this.name = "UneditableConfig";
    this.why = why;
  }
}

/**
 * Switches the plugin on. The rest of the text, comments and layout, stays as it is.
 * @throws UneditableConfig, and Refusal where the configuration itself forbids the plugin.
 */
export function enableEntry(text: string): EntryChange & { readonly before: EntryBefore } {
  return behindMark(text, enable);
}

function enable(text: string): ReturnType<typeof enableEntry> {
  const found = readConfig(text);
  refuseForbidden(found);
  const { root, plugins, entries, entry, enabled, allow, allowed } = found;
  const isEnabled = enabled?.value === true;
  const edits: TextEdit[] = [];
  const says: string[] = [];
  const on = { enabled: true };
  if (plugins === undefined) edits.push(...insertProperty(text, root, "plugins", { entries: { [PLUGIN_ID]: on } }));
  else if (entries === undefined) edits.push(...insertProperty(text, plugins, "entries", { [PLUGIN_ID]: on }));
  else if (entry === undefined) edits.push(...insertProperty(text, entries, PLUGIN_ID, on));
  else if (enabled === undefined) edits.push(...insertProperty(text, entry, "enabled", true));
  else if (!isEnabled) edits.push({ offset: enabled.offset, length: enabled.length, text: "true" });
  if (!isEnabled) {
    const was = enabled === undefined ? "" : ` (it was ${JSON.stringify(getNodeValue(enabled))})`;
    says.push(`set plugins.entries.${PLUGIN_ID}.enabled to true${was}`);
  }
  if (allow !== undefined && allowed.length === 0) {
    edits.push(...insertElement(text, allow, PLUGIN_ID));
    says.push(`added ${PLUGIN_ID} to plugins.allow`);
  }
  const before = {
    plugins: plugins !== undefined,
    entries: entries !== undefined,
    entry: entry !== undefined,
    enabled: enabled === undefined ? null : text.slice(enabled.offset, enabled.offset + enabled.length),
    allowed: allowed.length > 0,
  };
  return { text: applyEdits(text, edits), says, before };
}

/**
 * Takes the plugin out again, and of what stood there before the installation puts back what that changed.
 * @param before undefined when nothing is known of it: then all that names the plugin goes.
 * @throws UneditableConfig
 */
export function disableEntry(text: string, before: EntryBefore | undefined): EntryChange {
  return behindMark(text, (body) => disable(body, before));
}

function disable(text: string, before: EntryBefore | undefined): EntryChange {
  const says: string[] = [];
  const step = (current: string, edit: (found: Config, current: string) => { edits: TextEdit[]; says?: string }) => {
    const { edits, says: said } = edit(readConfig(current), current);
    if (edits.length > 0 && said !== undefined) says.push(said);
    return applyEdits(current, edits);
  };
  // One after the other, each on a fresh tree: a removal moves the commas that the next one looks for.
  let next = step(text, ({ entries, entry, enabled }, current) => {
    if (entries === undefined || entry === undefined) return { edits: [] };
    const path = `plugins.entries.${PLUGIN_ID}`;
    if (before?.entry !== true) {
      return { edits: removeChild(current, entries, propertyOf(entry)), says: `took out ${path}` };
    }
    if (enabled === undefined) return { edits: [] };
    if (before.enabled === null) {
      return { edits: removeChild(current, entry, propertyOf(enabled)), says: `took out ${path}.enabled` };
    }
    const { offset, length } = enabled;
    const isSame = current.slice(offset, offset + length) === before.enabled;
    return {
      edits: isSame ? [] : [{ offset, length, text: before.enabled }],
      says: `set ${path}.enabled back to ${before.enabled}`,
    };
  });
  next = step(next, ({ allow, allowed }, current) => {
    const [element] = allowed;
    if (allow === undefined || element === undefined || before?.allowed === true) return { edits: [] };
    return { edits: removeChild(current, allow, element), says: `took ${PLUGIN_ID} out of plugins.allow` };
  });
  if (before !== undefined) {
    next = step(next, ({ plugins, entries }, current) =>
      before.entries || plugins === undefined || entries === undefined || !isBlank(current, entries)
        ? { edits: [] }
        : { edits: removeChild(current, plugins, propertyOf(entries)) },
    );
    next = step(next, ({ root, plugins }, current) =>
      before.plugins || plugins === undefined || !isBlank(current, plugins)
        ? { edits: [] }
        : { edits: removeChild(current, root, propertyOf(plugins)) },
    );
  }
  return { text: next, says };
}

/** Where the configuration has OpenClaw load plugins from, besides the profile. */
export function configuredLoadPaths(text: string): string[] {
  const { root } = parseJsonText(text.replace(/^\uFEFF/u, ""));
  const value: unknown = root === undefined ? undefined : getNodeValue(root);
  const paths = (value as { plugins?: { load?: { paths?: unknown } } } | undefined)?.plugins?.load?.paths;
  return Array.isArray(paths) ? paths.filter((path): path is string => typeof path === "string") : [];
}

interface Config {
  readonly root: Node;
  readonly plugins: Node | undefined;
  readonly pluginsEnabled: Node | undefined;
  readonly entries: Node | undefined;
  readonly entry: Node | undefined;
  readonly enabled: Node | undefined;
  readonly allow: Node | undefined;
  /** The elements of `allow` that name the plugin. */
  readonly allowed: readonly Node[];
  readonly isDenied: boolean;
}

function readConfig(text: string): Config {
  const { root, problem } = parseJsonText(text);
  if (root === undefined) throw new UneditableConfig(problem);
  if (root.type !== "object") throw new UneditableConfig("it is not an object");
  refuseInclude(root, "it");
  const plugins = member(root, "plugins", "object", "plugins");
  const entries = member(plugins, "entries", "object", "plugins.entries");
  const entry = member(entries, PLUGIN_ID, "object", `plugins.entries.${PLUGIN_ID}`, isPluginId);
  const allow = member(plugins, "allow", "array", "plugins.allow");
  const deny = member(plugins, "deny", "array", "plugins.deny");
  const naming = (list: Node | undefined) => (list?.children ?? []).filter(({ value }) => isPluginId(value));
  return {
    root,
    plugins,
    pluginsEnabled: member(plugins, "enabled", undefined, "plugins.enabled"),
    entries,
    entry,
    enabled: member(entry, "enabled", undefined, `plugins.entries.${PLUGIN_ID}.enabled`),
    allow,
    allowed: naming(allow),
    isDenied: naming(deny).length > 0,
  };
}

/** The value at a key; undefined where it is missing. */
function member(
  object: Node | undefined,
  key: string,
  type: "object" | "array" | undefined,
  path: string,
  isKey = (found: unknown) => found === key,
): Node | undefined {
  const found = (object?.children ?? []).filter(({ children }) => isKey(children?.[0]?.value));
  // Parsers take the last of two; what a person meant, nobody knows.
  if (found.length > 1) throw new UneditableConfig(`${path} is in it twice`);
  const value = found[0]?.children?.[1];
  if (value === undefined) return undefined;
  if (type !== undefined && value.type !== type) {
    throw new UneditableConfig(`${path} is not ${type === "array" ? "a list" : "an object"}`);
  }
  if (type === "object") refuseInclude(value, path);
  return value;
}

/** What is included would have to be changed in the file it comes from. */
function refuseInclude(object: Node, path: string): void {
  const includes = (object.children ?? []).some(({ children }) => children?.[0]?.value === "$include");
  if (includes) throw new UneditableConfig(`${path} takes parts from other files by "$include"`);
}

function refuseForbidden({ isDenied, pluginsEnabled }: Config): void {
  if (isDenied) {
    const mend = `take it out of that list, if you mean to have it, and run this again`;
    throw new Refusal("PLUGIN_DENIED", `plugins.deny in openclaw.json names ${PLUGIN_ID}: ${mend}.`);
  }
  if (pluginsEnabled?.value === false) {
    const mend = `set it to true, which starts the other enabled plugins too, and run this again`;
    throw new Refusal("PLUGINS_OFF", `plugins.enabled in openclaw.json is false, so no plugin is loaded: ${mend}.`);
  }
}

/** A member knows its value; what is removed is the whole property. */
function propertyOf(value: Node): Node {
  return value.parent ?? value;
}

/** Nothing is in it, and no comment either, which would be somebody's. */
function isBlank(text: string, container: Node): boolean {
  return text.slice(container.offset + 1, container.offset + container.length - 1).trim() === "";
}
