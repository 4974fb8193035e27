import type { Connection } from "./session/connection.ts";

/**
 * Closes every connection with `draining`, spread over the window with jitter, so that the followers do not all arrive at
 * the next node together. Those still shaking hands go at once: nothing is lost with them.
 */
export async function drainConnections(connections: Iterable<Connection>, windowMs: number): Promise<void> {
  const sessions: Connection[] = [];
  for (const connection of [...connections]) {
    if (connection.session === undefined) connection.apply({ type: "closeOrdered", reason: "draining" });
    else sessions.push(connection);
  }
  // A few need no window: a laptop's Ctrl-C should not take seconds.
  const window = Math.min(windowMs, sessions.length * 20);
  await Promise.all(
    sessions.map(async (connection) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * window));
      connection.apply({ type: "closeOrdered", reason: "draining" });
    }),
  );
}
