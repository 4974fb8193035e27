/**
 * What this plugin uses of OpenClaw's plugin interface (2026.9), no more. The package `openclaw` is the host itself, far too
 * large to depend on for its types, so they are written down here; the tests inside a real gateway hold them to it.
 */

export interface HostLogger {
  readonly debug?: (message: string) => void;
  readonly info: (message: string) => void;
  readonly warn: (message: string) => void;
  readonly error: (message: string) => void;
}

export interface ServiceHealth {
  readonly reportFailure: (error: unknown) => void;
  readonly clearFailure: () => void;
}

export interface ServiceContext {
  /** The profile's folder. */
  readonly stateDir: string;
  readonly serviceHealth?: ServiceHealth;
}

export interface HostTool {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  /** JSON Schema. OpenClaw shows it to the model and does not hold arguments to it. */
  readonly parameters: object;
  readonly execute: (callId: string, params: unknown, signal?: AbortSignal) => Promise<ToolResult>;
}

export interface ToolResult {
  readonly content: readonly { readonly type: "text"; readonly text: string }[];
  /** For programs. OpenClaw keeps `status`, `ok`, `success`, `error`, `timedOut` and `exitCode` at its top for itself. */
  readonly details: object;
}

interface CommandInvocation {
  readonly args?: string;
  readonly isAuthorizedSender: boolean;
}

export interface HostCommand {
  readonly name: string;
  readonly description: string;
  readonly acceptsArgs: boolean;
  readonly requireAuth: boolean;
  readonly requiredScopes: readonly string[];
  readonly handler: (invocation: CommandInvocation) => Promise<{ readonly text: string }>;
}

/** The part of a commander command that is used. OpenClaw brings its own commander. */
export interface CliProgram {
  command(name: string, options?: { readonly hidden?: boolean }): CliProgram;
  description(text: string): CliProgram;
  argument(name: string, description: string): CliProgram;
  option(flags: string, description: string): CliProgram;
  addHelpText(position: "after", text: string): CliProgram;
  action(run: (...args: unknown[]) => void | Promise<void>): CliProgram;
}

export interface HostRuntime {
  readonly system?: {
    readonly enqueueSystemEvent: (
      text: string,
      options: { readonly sessionKey: string; readonly agentId: string; readonly contextKey?: string },
    ) => boolean;
    readonly requestHeartbeat: (request: {
      readonly source: "other";
      readonly intent: "event";
      readonly reason: string;
      readonly sessionKey?: string;
      readonly agentId?: string;
    }) => void;
  };
  readonly state?: { readonly resolveStateDir?: (env?: NodeJS.ProcessEnv) => string };
}

export interface PluginApi {
  readonly id: string;
  /** `full` in a gateway that runs the plugin; others only look at what it registers. */
  readonly registrationMode: string;
  /** OpenClaw's whole configuration. */
  readonly config: unknown;
  readonly pluginConfig?: unknown;
  readonly runtime: HostRuntime;
  readonly logger: HostLogger;
  readonly registerTool: (tool: HostTool) => void;
  readonly registerCommand: (command: HostCommand) => void;
  readonly registerCli: (
    registrar: (context: { readonly program: CliProgram; readonly config: unknown }) => void,
    options: {
      readonly descriptors: readonly {
        readonly name: string;
        readonly description: string;
        readonly hasSubcommands: boolean;
      }[];
    },
  ) => void;
  readonly registerService: (service: {
    readonly id: string;
    readonly start: (context: ServiceContext) => void | Promise<void>;
    readonly stop: (context: ServiceContext) => void | Promise<void>;
  }) => void;
  readonly on: (hook: "gateway_start" | "gateway_stop", handler: (event: unknown) => void | Promise<void>) => void;
}
