import type { NodeRecord } from "@yonexus/protocol/redis";
import type { NodeRow, NodeState } from "./liveMessages.ts";

/** What is known of the nodes at an instant. */
export interface NodesSeen {
  /** Redis time (ms). */
  readonly now: number;
  /** Those that hold a lease. */
  readonly records: readonly NodeRecord[];
  /** Those that are listed: with a lease, or lost and not swept yet. */
  readonly listed: ReadonlySet<string>;
  /** How many hear each node's channel; absent where Redis cannot say. */
  readonly listeners: ReadonlyMap<string, number>;
}

/** Nodes that are gone stay in sight for so long (ms), and so many at most. */
const GONE_MEMORY_MS = 600_000;
const MAX_GONE = 50;

/** Tells how each node is, over time: one that is gone is not in Redis for long, and must not vanish from an operator's eyes. */
export class NodeStates {
  readonly #leaseMs: number;
  #rows: readonly NodeRow[] = [];

  /** @param leaseMs how long a node's lease is. */
  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** The nodes by name, those that are gone last. */
  update(seen: NodesSeen): readonly NodeRow[] {
    const live = seen.records.map((record) => this.#live(record, seen));
    const names = new Set(live.map(({ id }) => id));
    const gone = this.#rows
      .filter(({ id }) => !names.has(id))
      .map((row) => goneRow(row, seen))
      .filter(({ goneAt }) => goneAt !== null && seen.now - goneAt < GONE_MEMORY_MS);
    const known = new Set([...names, ...gone.map(({ id }) => id)]);
    const unseen = [...seen.listed].filter((id) => !known.has(id)).map((id) => lostUnseen(id, seen.now));
    const allGone = [...gone, ...unseen].sort((one, other) => (other.goneAt ?? 0) - (one.goneAt ?? 0));
    this.#rows = [...live.sort(byName), ...allGone.slice(0, MAX_GONE)];
    return this.#rows;
  }

  #live(record: NodeRecord, { now, listeners }: NodesSeen): NodeRow {
    const { nodeId, name, url, version, sessions, startedAt, renewedAt } = record;
    const before = this.#rows.find(({ id }) => id === nodeId);
    const isDeaf = listeners.get(nodeId) === 0;
    const goneAt = isDeaf ? (before?.goneAt ?? now) : null;
    return {
      id: nodeId,
      name,
      url,
      version,
      sessions,
      startedAt,
      renewedAt,
      goneAt,
      state: this.#stateOf(record, isDeaf, now),
    };
  }

  #stateOf({ draining, renewedAt }: NodeRecord, isDeaf: boolean, now: number): NodeState {
    // Nobody hears what the node is sent: its process is gone, though its lease is not.
    if (isDeaf) return draining ? "draining" : "lost";
    if (draining) return "draining";
    return now - renewedAt > (this.#leaseMs * 2) / 3 ? "late" : "ready";
  }
}

/** A node without a lease: one that gave it back is in no list any more; one that was lost stays there until it is swept. */
function goneRow(row: NodeRow, { now, listed }: NodesSeen): NodeRow {
  const wasLost = row.state === "lost" || listed.has(row.id);
  return { ...row, state: wasLost ? "lost" : "stopped", sessions: 0, goneAt: row.goneAt ?? now };
}

function lostUnseen(id: string, now: number): NodeRow {
  return {
    ...{ id, name: id.replace(/-[^-]*$/u, ""), url: "", version: "", state: "lost" as const },
    ...{ sessions: 0, startedAt: 0, renewedAt: 0, goneAt: now },
  };
}

function byName(one: NodeRow, other: NodeRow): number {
  return one.name.localeCompare(other.name, "en", { numeric: true }) || one.id.localeCompare(other.id);
}
