import { DESCRIPTION, NAME } from "./about.ts";
import { PLUGIN_CONFIG, SECRET_KEYS } from "./configSchema.ts";
import { COMMAND, PLUGIN_ID } from "./identity.ts";
import { TOOL_NAMES } from "./toolNames.ts";

/** How OpenClaw's settings page labels a key. */
const LABELS: Readonly<Record<keyof (typeof PLUGIN_CONFIG)["properties"], { label: string; placeholder?: string }>> = {
  mode: { label: "Mode", placeholder: "cluster or standalone" },
  redisUrl: { label: "Redis URL", placeholder: "redis://127.0.0.1:6379" },
  redisCa: { label: "Authority of the Redis certificate", placeholder: "/etc/yonexus/redis-ca.pem" },
  redisCert: { label: "Certificate for Redis" },
  redisKey: { label: "Key of that certificate" },
  keyPrefix: { label: "Key prefix", placeholder: "yonexus" },
  masterKey: { label: "Master key" },
  followerIdentifiers: { label: "Followers that may pair" },
  rules: { label: "Rules that wake an agent" },
  notifyBotToken: { label: "Discord bot token" },
  adminUserId: { label: "Discord user of the admin" },
  discordApiUrl: { label: "Discord API URL" },
  listenHost: { label: "Listen host", placeholder: "127.0.0.1" },
  listenPort: { label: "Listen port", placeholder: "8787" },
  publicWsUrl: { label: "Public WebSocket URL", placeholder: "wss://hub.example.org" },
};

const DESCRIPTIONS: Readonly<Record<string, unknown>> = Object.fromEntries(
  Object.entries(PLUGIN_CONFIG.properties).map(([key, schema]) => [
    key,
    "description" in schema ? schema.description : undefined,
  ]),
);

/** The text of `openclaw.plugin.json`, which OpenClaw reads without running the plugin. @param version of the package. */
export function renderManifest(version: string): string {
  const secrets: readonly string[] = SECRET_KEYS;
  const manifest = {
    id: PLUGIN_ID,
    name: NAME,
    description: DESCRIPTION,
    version,
    activation: { onStartup: true },
    contracts: { tools: TOOL_NAMES },
    cliCommands: [
      {
        name: COMMAND,
        description: "Followers of the Yonexus cluster: list, pair, revoke, look for trouble",
        hasSubcommands: true,
      },
    ],
    skills: ["./skills"],
    configContracts: {
      // As a capability a secret that cannot be resolved concerns this plugin alone; without, it stops the gateway.
      secretInputs: { paths: secrets.map((path) => ({ path, expected: "string", ownerKind: "capability" })) },
    },
    uiHints: Object.fromEntries(
      Object.entries(LABELS).map(([key, hint]) => [
        key,
        {
          ...hint,
          help: DESCRIPTIONS[key],
          ...(secrets.includes(key) ? { sensitive: true } : {}),
        },
      ]),
    ),
    configSchema: PLUGIN_CONFIG,
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
