import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig, SETTINGS } from "@yonexus/protocol/config";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { isSettingVariable, secretVariables } from "./settingVariables.ts";

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly { readonly source: string; readonly target: string }[];
  readonly stop_grace_period?: string;
  /** Of the balancer; the others have a list of names. */
  readonly networks?: { readonly front?: { readonly ipv4_address: string } };
  readonly ports?: readonly string[];
}

const ROOT = join(import.meta.dirname, "..");
const { services, secrets } = parse(readFileSync(join(ROOT, "docker-compose.yml"), "utf8"), { merge: true }) as {
  services: Readonly<Record<string, Service>>;
  secrets: Readonly<Record<string, { readonly file: string }>>;
};

describe("docker-compose.yml", () => {
  it("gives nodes and coordinators settings that there are", () => {
    for (const name of ["node", "coordinator"]) {
      const variables = Object.keys(services[name]?.environment ?? {});
      expect(variables).toContain("YONEXUS_MASTER_KEY_FILE");
      expect(variables.filter((variable) => !isSettingVariable(variable))).toEqual([]);
    }
  });

  it("passes no secret by value, to whatever container", () => {
    // `docker inspect` shows the environment to everybody who may ask the engine, and every child of a process has it.
    const values = secretVariables();
    expect(values).toContain("YONEXUS_NOTIFY_BOT_TOKEN");
    const passed = Object.values(services).flatMap(({ environment = {} }) => Object.keys(environment));
    expect(passed.filter((variable) => values.includes(variable))).toEqual([]);
  });

  it("gives the bot's token to the coordinators alone, as a file, and needs none", () => {
    const readers = Object.entries(services).filter(([, { secrets: own = [] }]) => own.length > 0);
    expect(readers.map(([name]) => name)).toEqual(["coordinator"]);
    const [, coordinator] = readers[0] ?? [];
    const target = coordinator?.secrets?.[0]?.target;
    // Without the one variable the setting is empty, which is as good as not set, and there is a file to mount all the same.
    expect(coordinator?.environment?.YONEXUS_NOTIFY_BOT_TOKEN_FILE).toBe(`\${DEPLOY_BOT_TOKEN_FILE:+${target}}`);
    const fallback = /^\$\{DEPLOY_BOT_TOKEN_FILE:-(.+)\}$/u.exec(secrets["bot-token"]?.file ?? "")?.[1];
    expect(existsSync(join(ROOT, fallback ?? "nowhere"))).toBe(true);
    expect(loadConfig({ env: { YONEXUS_NOTIFY_BOT_TOKEN_FILE: "" } }).notifier).toBe("console");
  });

  it("lets a node take longer to stop than its drain window", () => {
    const { node } = services;
    const fallback = /:-(\d+)\}$/u.exec(node?.environment?.YONEXUS_DRAIN_WINDOW_MS ?? "")?.[1];
    expect(fallback).toBe(SETTINGS.drainWindowMs.default);
    expect(Number.parseInt(node?.stop_grace_period ?? "", 10)).toBeGreaterThanOrEqual(Number(fallback) / 1_000 + 10);
  });

  it("has the nodes believe the balancer's address and no other", () => {
    const address = services.haproxy?.networks?.front?.ipv4_address;
    expect(address).toMatch(/:-172\.30\.187\.2\}$/u);
    expect(services.node?.environment?.YONEXUS_TRUSTED_PROXIES).toBe(address);
  });

  it("publishes the balancer alone, and its console and statistics on loopback alone", () => {
    const published = Object.entries(services).flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port]));
    expect(published.map(([name]) => name)).toEqual(["haproxy", "haproxy", "haproxy"]);
    const [followers, ...others] = published.map(([, port]) => port);
    expect(followers).toMatch(/^\$\{DEPLOY_PUBLISH:-127\.0\.0\.1\}:/u);
    for (const port of others) expect(port).toMatch(/^127\.0\.0\.1:/u);
  });
});
