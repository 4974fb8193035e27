import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";

const deploy = join(import.meta.dirname, "../../deploy");
const folder = mkdtempSync(join(tmpdir(), "alerts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What promtool says, or what is wrong. */
async function promtool(...args: readonly string[]): Promise<string> {
  const run = promisify(execFile)("promtool", args, { cwd: join(deploy, "prometheus") });
  return run.then(
    ({ stdout }) => stdout,
    (error: { stdout?: string; stderr?: string }) => `FAILED\n${error.stdout}\n${error.stderr}`,
  );
}

describe("the alerts", () => {
  it("are rules that Prometheus takes, and so is the example of its configuration", async () => {
    expect(await promtool("check", "rules", "alerts.yml")).toContain("SUCCESS: 11 rules found");
    expect(await promtool("check", "config", "prometheus.yml")).not.toContain("FAILED");
  });

  it("fire when they should, and only then", async () => {
    expect(await promtool("test", "rules", "alerts.test.yml")).not.toContain("FAILED");
  });

  it("are each seen to fire, and each seen to keep quiet", () => {
    const rules = readFileSync(join(deploy, "prometheus/alerts.yml"), "utf8");
    const tests = readFileSync(join(deploy, "prometheus/alerts.test.yml"), "utf8");
    for (const [, name = ""] of rules.matchAll(/- alert: (\w+)/gu)) {
      expect(tests).toMatch(new RegExp(`alertname: ${name}\\n\\s+exp_alerts:`, "u"));
      expect(tests).toMatch(new RegExp(`alertname: ${name} \\}`, "u"));
    }
  });
});

describe("the dashboard", () => {
  it("asks in expressions that Prometheus understands", async () => {
    const text = readFileSync(join(deploy, "grafana/dashboard.json"), "utf8");
    const dashboard = JSON.parse(text) as { panels: { title: string; targets?: { expr: string }[] }[] };
    const rules = dashboard.panels.flatMap(({ targets = [] }) =>
      targets.map(({ expr }, index) => ({ record: `panel:${index}`, expr: expr.replaceAll("$__rate_interval", "5m") })),
    );
    const path = join(folder, "dashboard.yml");
    writeFileSync(path, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    expect(rules.length).toBeGreaterThan(30);
    expect(await promtool("check", "rules", "--lint=none", path)).toContain(`${rules.length} rules found`);
  });
});
