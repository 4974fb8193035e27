import type { Setting, SettingName } from "./settings.ts";

/** One of the names under which a setting may be given. */
export interface Spelling {
  /** The variable, and the key in a configuration file. */
  readonly env: string;
  readonly fileKey: string;
  /** What is given is the path of a file that holds the value, as containers hand secrets out. */
  readonly isFile: boolean;
}

/** The names under which a setting may be given, the usual one first. Two of them at once contradict each other. */
export function spellingsOf(
  setting: Pick<Setting, "env" | "also" | "secret"> & { readonly fileKey: string },
): readonly Spelling[] {
  const { env, fileKey, also, secret } = setting;
  return [{ env, fileKey }, ...(also === undefined ? [] : [also])].flatMap((name) => [
    { ...name, isFile: false },
    ...(secret === true ? [{ env: `${name.env}_FILE`, fileKey: `${name.fileKey}File`, isFile: true }] : []),
  ]);
}

/** A spelling with the setting that it names. */
export type NamedSpelling = Spelling & {
  readonly setting: Setting & { readonly name: SettingName; readonly fileKey: string };
};
