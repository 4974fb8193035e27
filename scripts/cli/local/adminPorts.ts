import { UsageError } from "../cliError.ts";

const MAX_PORT = 65_535;

/**
 * The admin ports of a local cluster: of its coordinator, then of each node. None when the configuration names none.
 * @param first 0 takes any free ones. @param ports where followers connect.
 * @throws UsageError when there are not so many ports from there on, or followers connect to one of them.
 */
export function adminPortsOf(first: number | undefined, ports: readonly number[]): number[] {
  if (first === undefined) return [];
  if (first === 0) return [0, ...ports.map(() => 0)];
  const adminPorts = [first, ...ports.map((_, index) => first + 1 + index)];
  const wrong = adminPorts.find((port) => port > MAX_PORT || ports.includes(port));
  if (wrong === undefined) return adminPorts;
  const why = wrong > MAX_PORT ? `past ${MAX_PORT}` : `over ${wrong}, where followers connect`;
  throw new UsageError(
    `The admin ports of 1 coordinator and ${ports.length} nodes, from ${first} on, go ${why}: set another YONEXUS_ADMIN_PORT.`,
  );
}
