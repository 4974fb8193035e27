import { readFile, stat } from "node:fs/promises";
import { TrustTransfer } from "@yonexus/protocol/redis";
import { CliError, QuietFailure } from "../cliError.ts";
import { type ClusterAccess, type ClusterOptions, withCluster } from "../clusterAccess.ts";
import { decider } from "../decidePairing.ts";
import { complain, print, printJson } from "../output.ts";
import { masterKeyring } from "./masterKeyring.ts";
import { askYes, canAsk, takePassphrase } from "./passphrase.ts";
import { readTrustFile } from "./trustFile.ts";
import { countKinds, type PlannedTrust, planText } from "./trustPlan.ts";

export interface ImportOptions extends ClusterOptions {
  readonly dryRun?: true;
  readonly replace?: true;
  readonly json?: true;
}

/** What became of one follower of the file. */
interface ImportedTrust {
  readonly identifier: string;
  /** `left`: another trust is here, and was to stay. `planned`: it would be imported. */
  readonly outcome: "imported" | "same" | "left" | "planned";
  readonly closedOn?: string;
}

/** More than the trust of 500,000 followers takes. */
const MAX_FILE_BYTES = 268_435_456;
const AT_ONCE = 32;
/** A trust that changes under the import is looked at anew so often. */
const MAX_TRIES = 5;

/** Brings the followers of a trust file into the cluster, each as a whole or not at all. */
export async function importTrust(path: string, options: ImportOptions): Promise<void> {
  const text = await readText(path);
  await withCluster(options, async (cluster) => {
    const askPassphrase = () => takePassphrase({ file: cluster.config.passphraseFile }, `The passphrase of ${path}: `);
    // Before anybody is asked anything.
    const keyring = await masterKeyring(cluster, options.dataDir, "write");
    const { followers, unread } = await readTrustFile(text, path, askPassphrase);
    const transfer = new TrustTransfer(cluster.redis, cluster.keys, keyring);
    const plan = await inBatches(followers, async (trust) => ({ trust, compared: await transfer.compare(trust) }));
    for (const problem of unread) complain(`Not read: ${problem}`);
    const { different } = countKinds(plan);
    if (options.json !== true) print(planText(plan));
    const replace = options.dryRun !== true && (await mayReplace(different, options));
    const results = await inBatches(plan, (planned) =>
      options.dryRun === true ? foresee(planned, options) : carryIn(transfer, planned, replace),
    );
    if (options.json === true) printJson({ dryRun: options.dryRun === true, followers: results, unread });
    else print(endText(results, cluster, options));
    const left = results.some(({ outcome }) => outcome === "left");
    // Who was asked and said no has what was wanted; whoever cannot be asked must hear of it.
    if (unread.length > 0 || (left && !canAsk())) throw new QuietFailure();
  });
}

async function mayReplace(different: number, { replace }: ImportOptions): Promise<boolean> {
  if (replace === true || different === 0) return true;
  const followers = different === 1 ? "1 follower has" : `${different} followers have`;
  return askYes(`${followers} another trust here: replace it, which ends the sessions that it let in? [y/N] `);
}

function foresee(
  { trust: { identifier }, compared }: PlannedTrust,
  { replace }: ImportOptions,
): Promise<ImportedTrust> {
  const outcome =
    compared.kind === "same" ? "same" : compared.kind === "different" && replace !== true ? "left" : "planned";
  return Promise.resolve({ identifier, outcome });
}

async function carryIn(transfer: TrustTransfer, planned: PlannedTrust, replace: boolean): Promise<ImportedTrust> {
  const { identifier } = planned.trust;
  let { compared } = planned;
  for (let tries = 1; ; tries += 1) {
    if (compared.kind === "same") return { identifier, outcome: "same" };
    if (compared.kind === "different" && !replace) return { identifier, outcome: "left" };
    const { outcome, ...closed } = await transfer.carryIn(planned.trust, compared, decider());
    if (outcome === "imported") return { identifier, outcome, ...closed };
    if (tries === MAX_TRIES) return { identifier, outcome: "left" };
    const before = compared;
    compared = await transfer.compare(planned.trust);
    // Nobody agreed to replace what came meanwhile.
    if (compared.kind === "different" && before.kind !== "different") return { identifier, outcome: "left" };
  }
}

function endText(results: readonly ImportedTrust[], { place }: ClusterAccess, options: ImportOptions): string {
  const count = (wanted: ImportedTrust["outcome"]) => results.filter(({ outcome }) => outcome === wanted).length;
  const closed = results.filter(({ closedOn }) => closedOn !== undefined);
  const left = results.filter(({ outcome }) => outcome === "left");
  const names = left
    .slice(0, 5)
    .map(({ identifier }) => identifier)
    .join(", ");
  const more = left.length > 5 ? ` and ${left.length - 5} more` : "";
  return [
    options.dryRun === true
      ? `Nothing was changed: ${count("planned")} would be imported into ${place}.`
      : `${count("imported")} imported into ${place}.`,
    ...(closed.length === 0
      ? []
      : [
          closed.length === 1
            ? "The session that the old trust had let in was closed."
            : `${closed.length} sessions that the old trust had let in were closed.`,
        ]),
    ...(left.length === 0 ? [] : [`Left as it is here: ${names}${more}. Add --replace to take what the file says.`]),
  ].join(" ");
}

async function inBatches<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(start, start + AT_ONCE).map(work))));
  }
  return results;
}

async function readText(path: string): Promise<string> {
  try {
    if ((await stat(path)).size > MAX_FILE_BYTES) {
      throw new CliError(`${path} is too large for a trust file: give the one that \`yonexus trust export\` wrote.`);
    }
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof CliError) throw error;
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new CliError(`${path} cannot be read (${reason}): give the path of a trust file.`, { cause: error });
  }
}
