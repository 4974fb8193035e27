import { existsSync } from "node:fs";
import { writeFileAtomically } from "@yonexus/protocol/local";
import { type CarriedTrust, TrustTransfer } from "@yonexus/protocol/redis";
import { CliError } from "../cliError.ts";
import { type ClusterOptions, withCluster } from "../clusterAccess.ts";
import { complain, print, printAndDrain, printJson } from "../output.ts";
import { masterKeyring } from "./masterKeyring.ts";
import { newPassphrase } from "./passphrase.ts";
import { sealTrustFile } from "./trustFile.ts";

export interface ExportOptions extends ClusterOptions {
  readonly out?: string;
  readonly json?: true;
}

/** Writes allowlist, keys and secrets of the cluster into a file that a passphrase seals. */
export async function exportTrust(options: ExportOptions): Promise<void> {
  const { out } = options;
  if (out !== undefined && existsSync(out)) {
    throw new CliError(`${out} is there already: take another name, or move it away.`);
  }
  await withCluster(options, async (cluster) => {
    const keyring = await masterKeyring(cluster, options.dataDir, "read");
    const passphrase = await newPassphrase({ file: cluster.config.passphraseFile });
    const followers: CarriedTrust[] = [];
    const transfer = new TrustTransfer(cluster.redis, cluster.keys, keyring);
    for await (const follower of transfer.carryOut()) followers.push(follower);
    const file = await sealTrustFile(followers, passphrase);
    const paired = followers.filter(({ pairing }) => pairing !== undefined).length;
    const told = `${followers.length === 1 ? "1 follower" : `${followers.length} followers`}, ${paired} of them paired`;
    if (out === undefined) {
      await printAndDrain(file.trimEnd());
      complain(`${told}. Keep the file and its passphrase apart: together they hold every follower's secret.`);
      return;
    }
    await write(out, file);
    if (options.json === true) printJson({ file: out, followers: followers.length, paired });
    else print(`${out}: ${told}. Keep it and its passphrase apart: together they hold every follower's secret.`);
  });
}

async function write(path: string, text: string): Promise<void> {
  try {
    await writeFileAtomically(path, text);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new CliError(`${path} cannot be written (${reason}): make room for it, or take another folder.`, {
      cause: error,
    });
  }
}
