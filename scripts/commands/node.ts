import type { Command } from "commander";
import { addForegroundOptions, type ForegroundOptions, runInForeground } from "../cli/foreground.ts";
import { printJson } from "../cli/output.ts";

export function addNodeCommand(program: Command): void {
  addForegroundOptions(
    program.command("node").description("run one node in the foreground, set up by the environment or a file"),
  )
    .addHelpText(
      "after",
      "\nExample:\n  REDIS_URL=redis://127.0.0.1:6379 YONEXUS_MASTER_KEY=$(cat master.key) yonexus node\n\nThe first SIGTERM or Ctrl-C drains it; a second one ends it at once. With a certificate, SIGHUP reads that again.",
    )
    .action((options: ForegroundOptions) =>
      runInForeground(options, {
        name: "node",
        start: async (config, logger, signal) => {
          const { startNode } = await import("@yonexus/node");
          const node = await startNode(config, { logger, signal });
          return {
            stop: () => node.drain(),
            reload: config.tlsCert === undefined ? undefined : () => node.reloadCertificate(),
            announce: () => {
              if (options.json === true) {
                const { nodeId, url, adminUrl } = node;
                printJson({ event: "ready", nodeId, url, adminUrl });
              }
            },
          };
        },
      }),
    );
}
