import type { FollowerSummary, NodeRecord } from "@yonexus/protocol/redis";
import type { JobCount } from "../jobCounts.ts";
import type { CensusCounts } from "./statusCensus.ts";
import type { TopView } from "./topView.ts";

/** A node, and how it is by its lease. */
export interface TopNode extends Pick<NodeRecord, "nodeId" | "name" | "url" | "sessions"> {
  /** `late`: it missed a renewal. `gone`: its lease lapsed, and its sessions were not ended yet. */
  readonly state: "ok" | "draining" | "late" | "gone";
  /** Since its last renewal (ms); unknown of one that is gone. */
  readonly leaseAgeMs?: number;
  /** Its share of all sessions, 0 to 1. */
  readonly share: number;
}

export interface TopRule {
  readonly rule: string;
  readonly group: string;
  readonly replicas: number;
  readonly backlog: number;
  readonly deadLetters: number;
}

export interface TopFollower extends FollowerSummary {
  /** When its status changed last, if that is known (Redis time, ms). */
  readonly changedAt?: number;
}

/** What `yonexus top` shows, at one instant. Instants are Redis time (ms). */
export interface TopSnapshot {
  readonly at: number;
  /** How the rows are sorted, and which of them these are. */
  readonly view: Pick<TopView, "sort" | "offset">;
  readonly nodes: readonly TopNode[];
  /** Those whose lease lies ahead. */
  readonly coordinators: number;
  readonly followers: CensusCounts & {
    /** Identifiers that were ever allowed. */
    readonly known: number;
    /** Whether all of them were counted. */
    readonly complete: boolean;
  };
  readonly pairings: number;
  /** Places that may have dead letters: rules and followers. */
  readonly deadLetterPlaces: number;
  /** Of the coordinators; undefined until they were read. */
  readonly jobs?: readonly JobCount[];
  readonly rules: { readonly known: number; readonly shown: readonly TopRule[] };
  /** The page of followers that is looked at, of so many. */
  readonly page: { readonly rows: number; readonly shown: readonly TopFollower[] };
}
