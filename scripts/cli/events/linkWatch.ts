import type { RedisConnection } from "@yonexus/protocol/redis";

/** How often Redis is asked whether it is there (ms). One that hangs is found by the timeout of its answer. */
const PERIOD_MS = 1_000;

export interface LinkPorts {
  readonly onAway: () => void;
  /** Redis answers again, and the connection that listens is ready. */
  readonly onBack: () => void;
}

/** Tells when Redis goes away and when it is back: pub/sub alone is silent, whichever it is. @returns how to stop. */
export function watchLink(commands: RedisConnection, listening: RedisConnection, ports: LinkPorts): () => void {
  let away = false;
  let asking = false;
  const lost = (): void => {
    if (away) return;
    away = true;
    ports.onAway();
  };
  const look = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    try {
      await commands.ping();
      if (away && listening.status === "ready") {
        away = false;
        ports.onBack();
      }
    } catch {
      lost();
    } finally {
      asking = false;
    }
  };
  const timer = setInterval(() => void look(), PERIOD_MS);
  listening.on("close", lost);
  return () => {
    clearInterval(timer);
    listening.off("close", lost);
  };
}
