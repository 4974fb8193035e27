import type { Config } from "@yonexus/protocol/config";
import { PluginError } from "../core/errors.ts";
import { CONFIG_PLACE } from "../core/identity.ts";

/** What to do when the node cannot listen where it is to; undefined for any other failure. */
export function listenProblem(error: unknown, { listenHost, listenPort }: Config): PluginError | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const place = (key: string) => `${key} in ${CONFIG_PLACE}`;
  switch (code) {
    case "EADDRINUSE":
      return new PluginError(
        "CONFIG_INVALID",
        `Port ${listenPort} is taken: stop what listens there, or set ${place("listenPort")} to another one.`,
        { cause: error },
      );
    case "EADDRNOTAVAIL":
      return new PluginError(
        "CONFIG_INVALID",
        `${listenHost} is no address of this machine: set ${place("listenHost")} to one that is.`,
        { cause: error },
      );
    case "EACCES":
      return new PluginError(
        "CONFIG_INVALID",
        `This user may not listen on port ${listenPort}: set ${place("listenPort")} to one above 1023.`,
        { cause: error },
      );
    default:
      return undefined;
  }
}
