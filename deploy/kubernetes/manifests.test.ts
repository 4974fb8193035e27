import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "@yonexus/protocol/config";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { isSettingVariable } from "../settingVariables.ts";
import { type Manifest, manifestProblems } from "./manifestSchema.ts";

/** The fields that these tests look at. */
interface Resource extends Manifest {
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec: {
    readonly selector?: { readonly matchLabels?: Labels } & Labels;
    readonly podSelector?: { readonly matchLabels?: Labels };
    readonly scaleTargetRef?: { readonly name: string };
    readonly ports?: readonly { readonly targetPort: string }[];
    readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
  };
}

type Labels = Readonly<Record<string, string>>;

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly {
    readonly env: readonly { readonly name: string; readonly value?: string }[];
    readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
    readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
    readonly startupProbe: Probe;
    readonly livenessProbe: Probe;
    readonly readinessProbe: Probe;
  }[];
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

const FOLDER = import.meta.dirname;
/** For other programs than Kubernetes, with schemas of their own. */
const OTHERS = ["kustomization.yaml", "prometheus-adapter.values.yaml"];
const files = readdirSync(FOLDER).filter((name) => name.endsWith(".yaml") && !OTHERS.includes(name));
const read = (name: string): Resource[] =>
  parseAllDocuments(readFileSync(join(FOLDER, name), "utf8")).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Resource;
  });
const resources = files.flatMap(read);
const find = (kind: string, name: string): Resource => {
  const found = resources.find((resource) => resource.kind === kind && resource.metadata.name === name);
  if (found === undefined) throw new Error(`There is no ${kind} ${name}.`);
  return found;
};
const deployments = resources.filter(({ kind }) => kind === "Deployment");
const settings = find("ConfigMap", "yonexus").data ?? {};

describe("the Kubernetes manifests", () => {
  it.each(resources.map((resource) => [resource.kind, resource.metadata.name, resource] as const))(
    "%s %s is what the schemas of Kubernetes want, and has no field that they do not know",
    async (_kind, _name, resource) => {
      expect(await manifestProblems(resource)).toEqual([]);
    },
  );

  it("are checked for unknown fields and wrong types", async () => {
    const service = find("Service", "yonexus-node");
    expect(await manifestProblems({ ...service, spec: { ...service.spec, prots: [] } } as Manifest)).toEqual([
      "/spec/prots is not a field that Kubernetes knows",
    ]);
    expect(await manifestProblems({ ...service, spec: { ...service.spec, ports: "8787" } } as Manifest)).toEqual([
      expect.stringContaining("/spec/ports"),
    ]);
  });

  it("name settings that there are", () => {
    const named = deployments.flatMap(
      ({ spec }) => spec.template.spec.containers[0]?.env.map(({ name }) => name) ?? [],
    );
    expect([...Object.keys(settings), ...named].filter((name) => !isSettingVariable(name))).toEqual([]);
  });

  it.each(deployments.map((deployment) => [deployment.metadata.name, deployment] as const))(
    "%s asks /healthz whether it lives, never /readyz, which an outage of Redis turns red",
    (name, { spec }) => {
      const [container] = spec.template.spec.containers;
      const ports = container?.ports.map((port) => port.name);
      for (const probe of [container?.startupProbe, container?.livenessProbe, container?.readinessProbe]) {
        expect(ports).toContain(probe?.httpGet.port);
      }
      expect(container?.startupProbe.httpGet.path).toBe("/healthz");
      expect(container?.livenessProbe.httpGet.path).toBe("/healthz");
      expect(container?.readinessProbe.httpGet.path).toBe(name === "yonexus-node" ? "/readyz" : "/healthz");
    },
  );

  it("give a node longer than its preStop and its drain window together", () => {
    const { terminationGracePeriodSeconds, containers } = find("Deployment", "yonexus-node").spec.template.spec;
    const [, sleepSeconds] = containers[0]?.lifecycle?.preStop.exec.command ?? [];
    const drainSeconds = Number(settings.YONEXUS_DRAIN_WINDOW_MS) / 1_000;
    expect(Number(sleepSeconds)).toBeGreaterThan(0);
    expect(terminationGracePeriodSeconds).toBeGreaterThanOrEqual(Number(sleepSeconds) + drainSeconds + 10);
  });

  it("listen where the settings say, and find the secrets where they are mounted", () => {
    for (const { spec } of deployments) {
      const [container] = spec.template.spec.containers;
      for (const { name, containerPort } of container?.ports ?? []) {
        const setting = name === "followers" ? "YONEXUS_LISTEN_PORT" : "YONEXUS_ADMIN_PORT";
        expect(settings[setting]).toBe(String(containerPort));
      }
      const mount = container?.volumeMounts.find(({ name }) => name === "secrets")?.mountPath;
      const secretFiles = container?.env.filter(({ name }) => name.endsWith("_FILE")).map(({ value }) => value) ?? [];
      expect(secretFiles.toSorted()).toEqual([`${mount}/master_key`, `${mount}/redis_url`]);
    }
  });

  it("serve the console where its port-forward puts it, and leave room for Discord's buttons", () => {
    const environment = find("Deployment", "yonexus-coordinator").spec.template.spec.containers[0]?.env ?? [];
    const url = environment.find(({ name }) => name === "YONEXUS_CONSOLE_URL")?.value;
    // As `kubectl port-forward` of the README does: the same port here and there.
    expect(url).toBe(`http://127.0.0.1:${settings.YONEXUS_ADMIN_PORT}`);
    expect(readFileSync(join(FOLDER, "README.md"), "utf8")).toContain(
      `port-forward service/yonexus-coordinator ${settings.YONEXUS_ADMIN_PORT}`,
    );
    expect(loadConfig({ env: { ...settings, YONEXUS_CONSOLE_URL: url ?? "" } }).consoleUrl).toBe(url);
    const text = readFileSync(join(FOLDER, "coordinator.yaml"), "utf8");
    const commented = [...text.matchAll(/^ *# - name: (\w+)$/gmu)].map(([, name = ""]) => name);
    expect(commented).toContain("YONEXUS_DISCORD_PUBLIC_KEY");
    expect(commented.filter((name) => !isSettingVariable(name))).toEqual([]);
  });

  it("select pods that there are, in every Service, budget, policy and autoscaler", () => {
    const labels = deployments.map(({ spec }) => spec.template.metadata.labels);
    const selectors = resources.flatMap(({ kind, spec }): Labels[] => {
      if (kind === "Service") return [spec.selector as Labels];
      if (kind === "Deployment" || kind === "PodDisruptionBudget") return [spec.selector?.matchLabels ?? {}];
      return kind === "NetworkPolicy" ? [spec.podSelector?.matchLabels ?? {}] : [];
    });
    expect(selectors.length).toBeGreaterThan(6);
    for (const selector of selectors) {
      const matching = labels.filter((each) => Object.entries(selector).every(([key, value]) => each[key] === value));
      expect(matching, JSON.stringify(selector)).not.toEqual([]);
    }
    const scaled = resources.find(({ kind }) => kind === "HorizontalPodAutoscaler")?.spec.scaleTargetRef?.name;
    expect(deployments.map(({ metadata }) => metadata.name)).toContain(scaled);
  });

  it("are all in the kustomization, and nothing else is", () => {
    const { resources: listed } = parse(readFileSync(join(FOLDER, "kustomization.yaml"), "utf8")) as {
      resources: string[];
    };
    // The operator makes the secret from its template.
    expect(listed.toSorted()).toEqual(files.map((name) => name.replace(".template", "")).toSorted());
  });
});
