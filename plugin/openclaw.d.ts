/** What is imported of the host at run time. The host brings it; nothing of it is in the bundle. */

declare module "openclaw/plugin-sdk/plugin-entry" {
  export function definePluginEntry(entry: {
    readonly id: string;
    readonly name: string;
    readonly description: string;
    /** The host calls it with its plugin interface, of which `core/host.ts` describes the part that is used. */
    readonly register: (api: never) => void;
  }): unknown;
}

declare module "openclaw/plugin-sdk/secret-input-runtime" {
  export function resolveConfiguredSecretInputString(params: {
    readonly config: unknown;
    readonly env: NodeJS.ProcessEnv;
    readonly value: unknown;
    readonly path: string;
  }): Promise<{ readonly value?: string }>;
}

declare module "openclaw/plugin-sdk/system-event-runtime" {
  export function peekSystemEventEntries(
    sessionKey: string,
    agentId?: string,
  ): readonly { readonly contextKey?: string | null }[];
}
