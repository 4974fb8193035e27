import type { ProofClock } from "./followerState.ts";

/** The proof window is 10 s; a clock this close needs no mending. */
const TOLERANCE_MS = 2_000;

/**
 * What to add to the own clock to have the node's, in milliseconds.
 *
 * The node wrote `nodeSeconds` (whole seconds) somewhere between our request and its answer. As long as that fits the own
 * clock, the own clock stands: it does not know the delays of the network. `"node"` takes the node's word in any case; it
 * is used after a proof was refused as stale or too new.
 *
 * @param nodeSeconds `timestamp` of the answer.
 * @param sentAt when the request was sent, `receivedAt` when the answer came: unix milliseconds of the own clock.
 */
export function clockOffset(
  nodeSeconds: number | undefined,
  sentAt: number,
  receivedAt: number,
  clock: ProofClock,
): number {
  if (nodeSeconds === undefined) return 0;
  const earliest = nodeSeconds * 1000;
  const fits = earliest + 999 >= sentAt - TOLERANCE_MS && earliest <= receivedAt + TOLERANCE_MS;
  return clock === "mended" && fits ? 0 : earliest + 500 - receivedAt;
}
