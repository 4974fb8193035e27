import {
  broken,
  checkDiscord,
  examineCluster,
  type Finding,
  ok,
  plainText,
  redisPlace,
  warning,
} from "@yonexus/protocol/operator";
import type { Cluster } from "@yonexus/protocol/redis";
import { type PluginConfig, readConfig } from "./config.ts";
import { explainFailure } from "./failure.ts";
import { CONFIG_PLACE } from "./identity.ts";
import { operatorSteps, SURFACES, type Surface } from "./nextSteps.ts";
import type { PluginRuntime } from "./runtime.ts";

export interface ExaminationParts {
  readonly rawConfig: () => Promise<unknown>;
  /** @throws what keeps it from being reached. */
  readonly cluster: (config: PluginConfig) => Promise<Cluster>;
  /** The plugin that runs in this process; none in a terminal. */
  readonly runtime: () => PluginRuntime | undefined;
  readonly surface: Surface;
}

/** Looks at everything the plugin depends on, and says the mend for each finding. */
export async function examine({ rawConfig, cluster, runtime, surface }: ExaminationParts): Promise<Finding[]> {
  let config: PluginConfig;
  try {
    config = readConfig(await rawConfig());
  } catch (error) {
    return explainFailure(error)
      .message.split("\n")
      .map((problem) => sentenceFinding("configuration", problem));
  }
  const findings = [
    ok("configuration", `${config.mode} mode, keys under "${config.shared.keyPrefix}"`),
    ...runtimeFindings(runtime()),
    ...(config.mode === "standalone" && config.shared.notifier === "discord"
      ? [await checkDiscord(config.shared, operatorSteps(SURFACES[surface]))]
      : []),
  ];
  try {
    const { redis, keys } = await cluster(config);
    const place = config.shared.redisUrl === undefined ? "a private Redis" : redisPlace(config.shared.redisUrl);
    findings.push(
      ok("redis", `answers at ${place}`),
      ...(await examineCluster({
        redis,
        keys,
        leaseMs: config.shared.leaseMs,
        masterKeys: config.shared.masterKeys,
        next: operatorSteps(SURFACES[surface]),
      })),
    );
  } catch (error) {
    findings.push(sentenceFinding("redis", explainFailure(error).message));
  }
  return findings;
}

function runtimeFindings(runtime: PluginRuntime | undefined): Finding[] {
  if (runtime === undefined) return [];
  const { listensAt } = runtime.status();
  const rules = runtime.desk.statuses();
  const lost = rules.filter(({ state }) => state === "refused");
  return [
    ...(listensAt === undefined ? [] : [ok("node", `followers connect to ${listensAt}`)]),
    ...(rules.length === 0
      ? []
      : [ok("rules", rules.map(({ rule, owner, state }) => plainText(`${rule} of ${owner}: ${state}`)).join(", "))]),
    ...lost.map(({ rule, reason = "" }) =>
      warning(`rule ${plainText(rule)}`, plainText(reason), "Stop the other one, or choose another rule."),
    ),
    ...[...runtime.setupFailures].map(([owner, reason]) =>
      broken(
        `plugin ${plainText(owner)}`,
        `its setup failed: ${plainText(reason)}`,
        "Mend that plugin; it is run again when it, or this one, is reloaded.",
      ),
    ),
  ];
}

/** A sentence that says what is wrong and then how to mend it. */
function sentenceFinding(check: string, sentence: string): Finding {
  const [found = "", ...mend] = sentence.split(/(?<=[.?]) (?=[A-Z])|: (?=it must|run |set )/u);
  return broken(check, found.replace(/\.$/u, ""), mend.join(" ") || `See ${CONFIG_PLACE}.`);
}
