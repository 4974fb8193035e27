import { definePluginEntry } from "openclaw/plugin-sdk/plugin-entry";
import { addCliCommands } from "./commands/cliCommand.ts";
import { slashCommand } from "./commands/slashCommand.ts";
import { DESCRIPTION, NAME } from "./core/about.ts";
import { openCliAccess } from "./core/cliAccess.ts";
import { PluginContainer, reachCluster, runningPlugin } from "./core/container.ts";
import { stateDirOf } from "./core/dataFolder.ts";
import { examine } from "./core/examination.ts";
import type { PluginApi } from "./core/host.ts";
import { hostWaker } from "./core/hostWaker.ts";
import { COMMAND, PLUGIN_ID } from "./core/identity.ts";
import { FollowerRegistry } from "./core/registry.ts";
import { onGatewayStart } from "./hooks/onGatewayStart.ts";
import { onGatewayStop } from "./hooks/onGatewayStop.ts";
import { getMessageState } from "./tools/getMessageState.ts";
import { getPairingState } from "./tools/getPairingState.ts";
import { listClientStatus } from "./tools/listClientStatus.ts";
import { REACH_TIMEOUT_MS } from "./tools/reach.ts";
import { sendMessageToClient } from "./tools/sendMessageToClient.ts";

/** Wiring, and nothing else: OpenClaw runs it for every look at the plugin, so it opens nothing. */
export default definePluginEntry({
  id: PLUGIN_ID,
  name: NAME,
  description: DESCRIPTION,
  register(api: PluginApi) {
    const { logger, pluginConfig } = api;
    const stateDir = () => stateDirOf(api.runtime);
    const container = new PluginContainer({
      rawConfig: pluginConfig,
      logger,
      stateDir,
      waker: async () => {
        const { peekSystemEventEntries } = await import("openclaw/plugin-sdk/system-event-runtime");
        return hostWaker(api.runtime, peekSystemEventEntries);
      },
      startStandalone: async (config, folder, log, signal) => {
        // Only here: a client of a cluster needs neither a WebSocket server nor a job queue.
        const { startStandalone } = await import("./standalone/standaloneCluster.ts");
        return startStandalone(config, folder, log, signal);
      },
    });
    api.registerService({
      id: PLUGIN_ID,
      start: (context) => container.attach(context),
      stop: () => container.detach(),
    });
    api.on("gateway_start", onGatewayStart(container));
    api.on("gateway_stop", onGatewayStop(container));

    for (const tool of [sendMessageToClient, listClientStatus, getPairingState, getMessageState])
      api.registerTool(tool(reachCluster));
    api.registerCommand(
      slashCommand({
        registry: async () => {
          const { redis, keys } = await reachCluster(REACH_TIMEOUT_MS);
          return new FollowerRegistry(redis, keys);
        },
        codesAt: () => runningPlugin().status().codesAt,
        examine: () =>
          examine({
            rawConfig: async () => pluginConfig,
            cluster: () => reachCluster(REACH_TIMEOUT_MS),
            runtime: runningPlugin,
            surface: "chat",
          }),
      }),
    );
    api.registerCli(
      ({ program, config }) =>
        addCliCommands(program, () =>
          openCliAccess({
            pluginConfig,
            hostConfig: config,
            runtime: api.runtime,
            resolveSecret: async (value, path, hostConfig) => {
              const { resolveConfiguredSecretInputString } = await import("openclaw/plugin-sdk/secret-input-runtime");
              return (await resolveConfiguredSecretInputString({ config: hostConfig, env: process.env, value, path }))
                .value;
            },
          }),
        ),
      { descriptors: [{ name: COMMAND, description: DESCRIPTION, hasSubcommands: true }] },
    );
  },
});
