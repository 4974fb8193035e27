import type { AdminRoute } from "@yonexus/protocol/admin";
import {
  byLabel,
  type Counts,
  type Latency,
  MetricSet,
  ONE,
  ProcessMetrics,
  RedisMetrics,
} from "@yonexus/protocol/metrics";
import type { RedisConnection } from "@yonexus/protocol/redis";
import { NOTICE_FAILURES, type NoticeFailureReason } from "../notifications/policy.ts";
import { SWEEPS, type SweepName } from "../schedule.ts";
import type { ClusterLook } from "./clusterLook.ts";
import { tellCluster } from "./clusterMetrics.ts";

/** What sweeps change, by the names of their counts. */
const CHANGES = {
  liveness: ["unstable", "offline", "postponed", "broken"],
  deadNodes: ["nodes", "sessions", "broken"],
  queues: ["expired", "forgotten", "broken"],
  retention: ["pairings", "rules", "coordinators"],
} as const satisfies Record<SweepName, readonly string[]>;

const RUN_RESULTS = ["done", "unfinished", "failed"] as const;
type RunResult = (typeof RUN_RESULTS)[number];

const NOTICE_KINDS = ["pairing", "limit", "takeover"] as const;
const NOTICE_RESULTS = ["sent", "retried", "paused", "given_up"] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];
export type NoticeResult = (typeof NOTICE_RESULTS)[number];

const SWEEP_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;

/** Everything that is counted and timed in a coordinator. Each part declares the few of its methods that it needs. */
export class CoordinatorMetrics {
  readonly #set = new MetricSet();
  readonly #process = new ProcessMetrics(this.#set);
  #redis: RedisMetrics<string> | undefined;
  readonly #runs: Counts<`${SweepName} ${RunResult}`>;
  readonly #changes: Counts<string>;
  readonly #seconds: Latency<SweepName>;
  /** When each sweep last ended well here (Unix seconds). */
  readonly #lastRuns: Partial<Record<SweepName, number>> = {};
  readonly #notices: Counts<`${NoticeKind} ${NoticeResult}`>;
  readonly #givenUp: Counts<NoticeFailureReason>;

  constructor() {
    const set = this.#set;
    this.#runs = set.counter(
      {
        name: "yonexus_sweep_runs_total",
        help: "Runs of sweeps by this coordinator. unfinished: there was more to do than time.",
      },
      pairs("sweep", SWEEPS, "result", RUN_RESULTS),
    );
    const changes = SWEEPS.flatMap((sweep) =>
      CHANGES[sweep].map((change) => [`${sweep} ${change}`, { sweep, change }] as const),
    );
    this.#changes = set.counter(
      {
        name: "yonexus_sweep_changes_total",
        help: "What sweeps changed: followers that became unstable or offline, nodes found dead and their sessions, messages that expired into dead letters, …",
      },
      Object.fromEntries(changes),
    );
    this.#seconds = set.latency(
      { name: "yonexus_sweep_duration_seconds", help: "How long a run of a sweep took." },
      byLabel("sweep", SWEEPS),
      SWEEP_BOUNDS,
    );
    set.gauge(
      {
        name: "yonexus_sweep_last_run_timestamp_seconds",
        help: "When this coordinator last ran the sweep to its end (Unix time): any of them runs it, so the latest counts.",
      },
      byLabel("sweep", SWEEPS),
      () => this.#lastRuns,
    );
    this.#notices = set.counter(
      { name: "yonexus_notices_total", help: "Notices for the operator, by what became of a try." },
      pairs("kind", NOTICE_KINDS, "result", NOTICE_RESULTS),
    );
    this.#givenUp = set.counter(
      { name: "yonexus_notices_given_up_total", help: "Notices that no try will send any more, and why." },
      byLabel("reason", Object.keys(NOTICE_FAILURES) as NoticeFailureReason[]),
    );
    set.gauge({ name: "yonexus_coordinator_running", help: "1: this coordinator runs." }, ONE, () => ({ one: 1 }));
  }

  /** The page of a scrape. */
  readonly page: AdminRoute = async () => ({
    status: 200,
    headers: { "content-type": this.#set.contentType },
    body: await this.#set.text(),
  });

  /** @param connections of the coordinator to Redis, by what they are for. @param commands the one that is asked. */
  watchRedis(connections: Readonly<Record<string, RedisConnection>>, commands: RedisConnection): void {
    this.#redis = new RedisMetrics(this.#set, connections, commands);
  }

  tellCluster(look: Pick<ClusterLook, "view">): void {
    tellCluster(this.#set, look);
  }

  /** Begins to time what is timed by the clock. */
  start(): void {
    this.#process.start();
    this.#redis?.start();
  }

  stop(): void {
    this.#process.stop();
    this.#redis?.stop();
  }

  /** A run of a sweep came to its end. @param counts what it changed; of `unfinished` whether it left some of its work. */
  swept(sweep: SweepName, ms: number, counts: Readonly<Record<string, number | boolean>>): void {
    this.#runs.add(`${sweep} ${counts.unfinished === true ? "unfinished" : "done"}`);
    this.#seconds.note(sweep, ms);
    this.#lastRuns[sweep] = Date.now() / 1000;
    for (const change of CHANGES[sweep]) this.#changes.add(`${sweep} ${change}`, Number(counts[change] ?? 0));
  }

  sweepFailed(sweep: SweepName): void {
    this.#runs.add(`${sweep} failed`);
  }

  notice(kind: NoticeKind, result: NoticeResult): void {
    this.#notices.add(`${kind} ${result}`);
  }

  noticeGivenUp(kind: NoticeKind, reason: NoticeFailureReason): void {
    this.notice(kind, "given_up");
    this.#givenUp.add(reason);
  }
}

/** A series for each pair of values of two labels, by both of them with a space between. */
function pairs<const A extends string, const B extends string>(
  first: string,
  ones: readonly A[],
  second: string,
  others: readonly B[],
): Record<`${A} ${B}`, Record<string, string>> {
  const series = ones.flatMap((one) => others.map((other) => [`${one} ${other}`, { [first]: one, [second]: other }]));
  return Object.fromEntries(series) as Record<`${A} ${B}`, Record<string, string>>;
}
