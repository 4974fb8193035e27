import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Sample, sampleValue, scrape } from "../support/metricsText.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import { waitFor } from "../support/waitFor.ts";

const root = join(import.meta.dirname, "../..");
const ADMIN = { YONEXUS_ADMIN_PORT: "0", YONEXUS_SWEEP_INTERVAL_MS: "100" };
/** What the scraper adds. */
const OF_THE_SCRAPER = ["instance", "job"];

let redis: RedisServer;
let cluster: TestCluster;
/** All that a node and a coordinator tell, once each has told of everything. */
let samples: readonly Sample[];
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
  cluster = await TestCluster.open(redis.url);
  const node = await cluster.startNode(ADMIN);
  const coordinator = await cluster.startCoordinator(ADMIN);
  samples = await waitFor("all metrics", async () => {
    const found = [...(await scrape(node.adminUrl)), ...(await scrape(coordinator.adminUrl))];
    const isThere = [
      sampleValue(found, "yonexus_sweep_last_run_timestamp_seconds", { sweep: "liveness" }),
      sampleValue(found, "yonexus_cluster_coordinators"),
      sampleValue(found, "yonexus_redis_up"),
    ];
    return isThere.includes(undefined) ? undefined : found;
  });
});
afterAll(async () => {
  await cluster.stop();
  await redis.stop();
});

/** What a text of PromQL names: each metric, with the labels that it is chosen by. */
function namedIn(text: string): { metric: string; matchers: { label: string; kind: string; value: string }[] }[] {
  return Array.from(text.matchAll(/\b(yonexus_\w+)(?:\{([^}]*)\})?/gu), ([, metric = "", selector = ""]) => ({
    metric,
    matchers: Array.from(
      selector.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/gu),
      ([, label = "", kind = "", value = ""]) => ({ label, kind, value }),
    ),
  }));
}

/** The expressions of the alerts, and those of the dashboard. */
function expressionsOf(path: string): string {
  const text = readFileSync(join(root, path), "utf8");
  if (path.endsWith(".yml")) return text.replace(/^\s*(?:#|summary:|description:|runbook:).*$/gmu, "");
  return Array.from(text.matchAll(/"expr": ("(?:[^"\\]|\\.)*")/gu), ([, expr = ""]) => JSON.parse(expr) as string).join(
    "\n",
  );
}

/** The names of metrics as the documentation has them: a histogram is one. */
function metricsOf(found: readonly Sample[]): string[] {
  const names = found.map(({ name }) => name.replace(/(?<=_seconds)_(?:bucket|sum|count)$/u, ""));
  return [...new Set(names)].sort();
}

describe.each(["deploy/prometheus/alerts.yml", "deploy/grafana/dashboard.json"])("%s", (path) => {
  it("names no metric, label or value that a node or a coordinator does not tell", () => {
    const named = namedIn(expressionsOf(path));
    expect(named.length).toBeGreaterThan(10);
    // A sweep that did not run yet has no last run: another metric tells its name.
    const isTold = ({ label, value }: { label: string; value: string }): boolean =>
      value.split("|").every((each) => samples.some(({ labels }) => labels[label] === each));
    const wrong = named.filter(
      ({ metric, matchers }) => !samples.some(({ name }) => name === metric) || !matchers.every(isTold),
    );
    expect(wrong).toEqual([]);
  });

  it("groups by no label that no metric has", () => {
    const known = new Set([...samples.flatMap(({ labels }) => Object.keys(labels)), ...OF_THE_SCRAPER]);
    const grouped = Array.from(expressionsOf(path).matchAll(/\bby \(([^)]*)\)/gu), ([, labels = ""]) =>
      labels.split(/,\s*/u),
    );
    expect(grouped.flat().filter((label) => !known.has(label))).toEqual([]);
  });
});

describe("docs/operations.md", () => {
  const page = readFileSync(join(root, "docs/operations.md"), "utf8");

  it("lists every metric, and no other", () => {
    const listed = Array.from(page.matchAll(/^\| `(yonexus_\w+)/gmu), ([, name = ""]) => name);
    expect(listed.toSorted()).toEqual(metricsOf(samples));
  });

  it("lists the labels of each", () => {
    for (const [, name = "", labels = ""] of page.matchAll(/^\| `(yonexus_\w+)(?:\{([^}]*)\})?` \|/gmu)) {
      const told = samples.filter((sample) => sample.name === name || sample.name === `${name}_count`);
      const found = new Set(told.flatMap((sample) => Object.keys(sample.labels)));
      expect([
        name,
        labels
          .split(", ")
          .filter((label) => label !== "")
          .sort(),
      ]).toEqual([name, [...found].sort()]);
    }
  });
});

describe("an alert", () => {
  it("has its place in the runbook", () => {
    const alerts = readFileSync(join(root, "deploy/prometheus/alerts.yml"), "utf8");
    const runbook = readFileSync(join(root, "deploy/RUNBOOK.md"), "utf8");
    const headings = Array.from(runbook.matchAll(/^#+ (.*)$/gmu), ([, heading = ""]) =>
      heading.toLowerCase().replaceAll(" ", "-"),
    );
    const names = Array.from(alerts.matchAll(/- alert: (\w+)/gu), ([, name = ""]) => name);
    expect(names).toHaveLength(11);
    for (const name of names) {
      expect(alerts).toContain(`runbook: deploy/RUNBOOK.md#${name.toLowerCase()}\n`);
      expect(headings).toContain(name.toLowerCase());
    }
  });
});
