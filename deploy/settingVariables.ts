import { listSettings, spellingsOf } from "@yonexus/protocol/config";

/** Whether a process of the cluster knows the variable: a setting, or for a secret one the file that holds it. */
export function isSettingVariable(name: string): boolean {
  return listSettings().some((setting) => spellingsOf(setting).some(({ env }) => env === name));
}
