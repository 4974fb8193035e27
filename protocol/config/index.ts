export { nodeCertificateFiles, readRedisTls } from "./certificateFiles.ts";
export { ConfigError } from "./configError.ts";
export { renderEnvExample, renderSettingsTable } from "./document.ts";
export { MASTER_KEY_BYTES } from "./kind.ts";
export { type ConfigEntries, type ConfigSources, type LoadedConfig, loadConfig, redactConfig } from "./loadConfig.ts";
export { nearestName } from "./nearestName.ts";
export { type Config, listSettings, SETTINGS, type Setting, type SettingName } from "./settings.ts";
export { spellingsOf } from "./spellings.ts";
