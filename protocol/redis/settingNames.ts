import { SETTINGS, type SettingName } from "../config/settings.ts";

/** What the reader of a text calls a setting, where it is set: `REDIS_URL`, or a key of some program's own configuration. */
export type SettingNames = (name: SettingName) => string;

/** For whoever sets them in the environment. */
export const inEnvironment: SettingNames = (name) => SETTINGS[name].env;
