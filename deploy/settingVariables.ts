import { listSettings, spellingsOf } from "@yonexus/protocol/config";

/** Whether a process of the cluster knows the variable: a setting, or for a secret one the file that holds it. */
export function isSettingVariable(name: string): boolean {
  return listSettings().some((setting) => spellingsOf(setting).some(({ env }) => env === name));
}

/** The variables that hold a secret itself, and not the path of a file with it. */
export function secretVariables(): readonly string[] {
  return listSettings()
    .filter(({ secret }) => secret)
    .flatMap((setting) => spellingsOf(setting).map(({ env }) => env))
    .filter((variable) => !variable.endsWith("_FILE"));
}
