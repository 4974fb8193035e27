import { type ClusterFile, readMasterKey } from "@yonexus/protocol/local";
import { Keyring, sealingKeyIds } from "@yonexus/protocol/redis";
import { CliError } from "../cliError.ts";
import type { ClusterAccess } from "../clusterAccess.ts";
import { DEFAULT_DATA_DIR } from "../dataDirOption.ts";

/**
 * The master keys of the cluster: those of its data folder, or those of the environment. Where processes of it live, the keys
 * must be theirs: to read, one of the keys; to write, the one that seals, on each of them.
 * @throws CliError when there are none, or they are those of another cluster.
 */
export async function masterKeyring(
  cluster: ClusterAccess,
  dataDir: string | undefined,
  purpose: "read" | "write",
): Promise<Keyring> {
  const candidates = findMasterKeys(cluster, dataDir);
  if (candidates.length === 0) {
    throw new CliError(
      "The secrets are sealed with the cluster's master key: set YONEXUS_MASTER_KEY to the one that its nodes have.",
    );
  }
  const keyrings = candidates.map((keys) => new Keyring(keys));
  const told = (await sealingKeyIds(cluster.redis, cluster.keys)).filter(({ keyIds }) => keyIds.length > 0);
  const unknowing = (own: Keyring) =>
    told.find(({ keyIds }) => !usable(own, purpose).some((id) => keyIds.includes(id)));
  const known = keyrings.find((own) => unknowing(own) === undefined);
  if (known !== undefined) return known;
  const [first] = keyrings as [Keyring];
  const other = unknowing(first);
  throw new CliError(
    `The ${other?.kind} ${other?.nodeId} does not have the master key that is set here (${usable(first, purpose).join(", ")}): set YONEXUS_MASTER_KEY to the one that the cluster has.`,
  );
}

/** What is sealed here must open there. */
function usable({ keyIds }: Keyring, purpose: "read" | "write"): readonly string[] {
  return purpose === "read" ? keyIds : keyIds.slice(0, 1);
}

function findMasterKeys({ config, file }: ClusterAccess, dataDir: string | undefined): (readonly Uint8Array[])[] {
  const own = ownKey(file, dataDir);
  // A cluster of a folder has a key of its own, unless it was started with one in the environment.
  return [...(own === undefined ? [] : [[own]]), ...(config.masterKeys.length === 0 ? [] : [config.masterKeys])];
}

function ownKey(file: ClusterFile | undefined, dataDir = DEFAULT_DATA_DIR): Uint8Array | undefined {
  const text = file === undefined ? undefined : readMasterKey(dataDir);
  return text === undefined ? undefined : new Uint8Array(Buffer.from(text, "base64"));
}
