import { byLabel, type MetricSet, ONE, type Readings, type Series } from "@yonexus/protocol/metrics";
import { type ClusterLook, type ClusterView, JOB_STATES } from "./clusterLook.ts";

/**
 * What a coordinator tells of the whole cluster. All coordinators see the same: of several the greatest is as good as any. While
 * Redis is away nothing is told, rather than what was.
 */
export function tellCluster(set: MetricSet, look: Pick<ClusterLook, "view">): void {
  const gauge = <Key extends string>(
    name: `yonexus_${string}`,
    help: string,
    series: Series<Key>,
    read: (view: ClusterView) => Readings<Key>,
  ): void => set.gauge({ name, help }, series, () => (look.view === undefined ? undefined : read(look.view)));

  gauge(
    "yonexus_cluster_nodes",
    "Nodes by their lease: live, draining, or lapsed and not swept yet.",
    byLabel("state", ["live", "draining", "lapsed"]),
    ({ nodes }) => nodes,
  );
  gauge("yonexus_cluster_coordinators", "Coordinators whose lease is live.", ONE, ({ coordinators }) => ({
    one: coordinators,
  }));
  gauge("yonexus_cluster_sessions", "Sessions of all nodes, as each said with its last renewal.", ONE, (view) => ({
    one: view.sessions,
  }));
  gauge("yonexus_cluster_followers", "Identifiers that were ever allowed.", ONE, ({ backlog }) => ({
    one: backlog.followers,
  }));
  gauge("yonexus_cluster_pairings_pending", "Pairings that wait for a person.", ONE, ({ backlog }) => ({
    one: backlog.pendingPairings,
  }));
  gauge(
    "yonexus_waiting_messages",
    "Messages that wait: in the queues of followers, and in the inboxes of rules. Of more than 100 places a sample, scaled up.",
    byLabel("place", ["queues", "inboxes"]),
    ({ backlog }) => ({ queues: backlog.queued, inboxes: backlog.inboxed }),
  );
  gauge(
    "yonexus_waiting_oldest_seconds",
    "How long the oldest message that was seen has waited.",
    byLabel("place", ["queues", "inboxes"]),
    ({ backlog }) => ({ queues: backlog.oldestQueuedMs / 1000, inboxes: backlog.oldestInboxedMs / 1000 }),
  );
  gauge(
    "yonexus_dead_letters",
    "Messages that nobody tries again by itself, by what they were for. Of more than 100 places, or rules, a sample, scaled up.",
    byLabel("place", ["followers", "rules"]),
    ({ backlog }) => backlog.deadLetters,
  );
  gauge(
    "yonexus_rules",
    "Rules, held by a handler or free. Of more than 100 a sample, scaled up.",
    byLabel("state", ["held", "free"]),
    ({ backlog }) => backlog.rules,
  );
  gauge(
    "yonexus_sweep_overdue_seconds",
    "How long what is due longest has been due for the sweep.",
    byLabel("sweep", ["liveness", "queues"]),
    ({ backlog }) => ({ liveness: backlog.livenessOverdueMs / 1000, queues: backlog.queuesOverdueMs / 1000 }),
  );
  const jobs = (["sweeps", "notices"] as const).flatMap((queue) =>
    JOB_STATES.map((state) => [`${queue} ${state}`, { queue, state }] as const),
  );
  gauge("yonexus_jobs", "Jobs of BullMQ's queues.", Object.fromEntries(jobs), (view) =>
    Object.fromEntries(jobs.map(([key, { queue, state }]) => [key, view.jobs[queue][state]])),
  );
}
