import { SETTINGS, type SettingName } from "@yonexus/protocol/config";
import Type from "typebox";

/** The keys that are settings of the cluster's processes too, by their names there. */
export const SHARED_KEYS = {
  redisUrl: "redisUrl",
  redisCa: "redisCa",
  redisCert: "redisCert",
  redisKey: "redisKey",
  keyPrefix: "keyPrefix",
  masterKey: "masterKeys",
  followerIdentifiers: "followerIdentifiers",
  notifyBotToken: "notifyBotToken",
  adminUserId: "adminUserId",
  discordApiUrl: "discordApiUrl",
  listenHost: "listenHost",
  listenPort: "listenPort",
  publicWsUrl: "publicWsUrl",
} as const satisfies Record<string, SettingName>;

export const MODES = ["cluster", "standalone"] as const;

/** Keys that may hold a secret: OpenClaw resolves a SecretRef there, and hides the value in its settings. */
export const SECRET_KEYS = ["redisUrl", "masterKey", "notifyBotToken"] as const;

/**
 * OpenClaw refuses to start its gateway when a plugin's settings break the plugin's schema, so the schema says what is meant
 * and refuses nothing: `readConfig` looks at the values, and a wrong one stops this plugin alone.
 */
function setting(
  description: string,
  shown: { readonly examples?: readonly unknown[]; readonly default?: unknown } = {},
) {
  return Type.Unknown({ description, ...shown });
}

/** The one description of the plugin's settings: the manifest is generated from it. */
export const PLUGIN_CONFIG = Type.Object(
  {
    mode: Type.Optional(
      setting(
        "`cluster`: a client of the cluster at redisUrl, nothing else. `standalone`: this gateway runs a node and a coordinator itself, on redisUrl or on a private redis-server. Unless given: `cluster` when redisUrl is set, else `standalone`.",
        { examples: [...MODES] },
      ),
    ),
    redisUrl: Type.Optional(setting(SETTINGS.redisUrl.about, { examples: ["redis://127.0.0.1:6379"] })),
    redisCa: Type.Optional(setting(SETTINGS.redisCa.about, { examples: ["/etc/yonexus/redis-ca.pem"] })),
    redisCert: Type.Optional(setting(SETTINGS.redisCert.about.replace("this process", "this gateway"))),
    redisKey: Type.Optional(setting("The PEM file with the key of redisCert, not encrypted.")),
    keyPrefix: Type.Optional(setting(SETTINGS.keyPrefix.about, { default: SETTINGS.keyPrefix.default })),
    masterKey: Type.Optional(
      setting(
        "The master key of the cluster, as its nodes have it. In cluster mode it is only compared with theirs. In standalone mode one is made and kept when none is given.",
      ),
    ),
    followerIdentifiers: Type.Optional(
      setting(
        "The followers that may pair, a list. What it newly names is let in at the start; what only this list had let in before and names no longer is taken off. Not given: the allowlist is left alone.",
        { examples: [["alpha", "beta"]] },
      ),
    ),
    rules: Type.Optional(
      setting(
        "Rules whose messages wake an agent of this gateway: the rule, and the agent's id, or an object with agent and session.",
        { examples: [{ ask: "main" }, { ask: { agent: "main", session: "main" } }] },
      ),
    ),
    notifyBotToken: Type.Optional(setting(`Standalone mode. ${SETTINGS.notifyBotToken.about}`)),
    adminUserId: Type.Optional(setting(`Standalone mode. ${SETTINGS.adminUserId.about}`)),
    discordApiUrl: Type.Optional(
      setting(`Standalone mode. ${SETTINGS.discordApiUrl.about}`, { default: SETTINGS.discordApiUrl.default }),
    ),
    listenHost: Type.Optional(
      setting(`Standalone mode. ${SETTINGS.listenHost.about}`, { default: SETTINGS.listenHost.default }),
    ),
    listenPort: Type.Optional(
      setting(`Standalone mode. ${SETTINGS.listenPort.about}`, { default: Number(SETTINGS.listenPort.default) }),
    ),
    publicWsUrl: Type.Optional(
      setting(
        "Standalone mode. Where followers reach the node, when that is not where it listens, as behind a TLS proxy.",
        { examples: ["wss://hub.example.org"] },
      ),
    ),
  },
  { additionalProperties: true },
);

export type PluginConfigKey = keyof (typeof PLUGIN_CONFIG)["properties"];

export const CONFIG_KEYS = Object.keys(PLUGIN_CONFIG.properties) as readonly PluginConfigKey[];
