import type { SessionStore } from "@yonexus/protocol/redis";
import type { SessionIndex } from "../cluster/sessionIndex.ts";
import type { ConnectionEvent } from "../session/event.ts";

export interface HeartbeatServices {
  readonly sessions: Pick<SessionStore, "beat">;
  readonly index: Pick<SessionIndex, "beaten">;
}

/** Records a heartbeat under the session's epoch. */
export async function recordBeat(
  services: HeartbeatServices,
  identifier: string,
  epoch: number,
  requestId: string | undefined,
): Promise<ConnectionEvent> {
  const beat = await services.sessions.beat(identifier, epoch);
  if (beat.outcome === "alive") services.index.beaten(identifier, beat.now);
  return { type: "beatRecorded", outcome: beat.outcome, ...(requestId === undefined ? {} : { requestId }) };
}
