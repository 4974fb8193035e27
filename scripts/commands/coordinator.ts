import type { Command } from "commander";
import { addForegroundOptions, type ForegroundOptions, runInForeground } from "../cli/foreground.ts";
import { printJson } from "../cli/output.ts";

export function addCoordinatorCommand(program: Command): void {
  addForegroundOptions(
    program
      .command("coordinator")
      .description("run one coordinator in the foreground, set up by the environment or a file"),
  )
    .addHelpText(
      "after",
      "\nExample:\n  REDIS_URL=redis://127.0.0.1:6379 YONEXUS_MASTER_KEY=$(cat master.key) yonexus coordinator\n\nThe first SIGTERM or Ctrl-C stops it in good order; a second one ends it at once.",
    )
    .action((options: ForegroundOptions) =>
      runInForeground(options, {
        name: "coordinator",
        start: async (config, logger, signal) => {
          const { startCoordinator } = await import("@yonexus/coordinator");
          const terminal = process.stdout;
          const coordinator = await startCoordinator(config, {
            ...{ logger, terminal, signal },
            json: options.json === true,
          });
          return {
            stop: () => coordinator.stop(),
            announce: () => {
              if (options.json === true) {
                const { coordinatorId, adminUrl } = coordinator;
                printJson({ event: "ready", coordinatorId, adminUrl });
              }
            },
          };
        },
      }),
    );
}
