import Type from "typebox";
/** The keys that are settings of the cluster's processes too, by their names there. */
export declare const SHARED_KEYS: {
  readonly redisUrl: "redisUrl";
  readonly keyPrefix: "keyPrefix";
  readonly masterKey: "masterKeys";
  readonly followerIdentifiers: "followerIdentifiers";
  readonly notifyBotToken: "notifyBotToken";
  readonly adminUserId: "adminUserId";
  readonly discordApiUrl: "discordApiUrl";
  readonly listenHost: "listenHost";
  readonly listenPort: "listenPort";
  readonly publicWsUrl: "publicWsUrl";
};
export declare const MODES: readonly ["cluster", "standalone"];
/** Keys that may hold a secret: OpenClaw resolves a SecretRef there, and hides the value in its settings. */
export declare const SECRET_KEYS: readonly ["redisUrl", "masterKey", "notifyBotToken"];
/** The one description of the plugin's settings: the manifest is generated from it. */
export declare const PLUGIN_CONFIG: Type.TObject<{
  mode: Type.TOptional<Type.TUnknown>;
  redisUrl: Type.TOptional<Type.TUnknown>;
  keyPrefix: Type.TOptional<Type.TUnknown>;
  masterKey: Type.TOptional<Type.TUnknown>;
  followerIdentifiers: Type.TOptional<Type.TUnknown>;
  rules: Type.TOptional<Type.TUnknown>;
  notifyBotToken: Type.TOptional<Type.TUnknown>;
  adminUserId: Type.TOptional<Type.TUnknown>;
  discordApiUrl: Type.TOptional<Type.TUnknown>;
  listenHost: Type.TOptional<Type.TUnknown>;
  listenPort: Type.TOptional<Type.TUnknown>;
  publicWsUrl: Type.TOptional<Type.TUnknown>;
}>;
export type PluginConfigKey = keyof (typeof PLUGIN_CONFIG)["properties"];
export declare const CONFIG_KEYS: readonly PluginConfigKey[];
