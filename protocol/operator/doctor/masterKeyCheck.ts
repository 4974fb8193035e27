import { SETTINGS } from "../../config/index.ts";
import { Keyring, type Keys, type RedisConnection, type SealingKeys, sealingKeyIds } from "../../redis/index.ts";
import type { NextSteps } from "../nextSteps.ts";
import { plainText } from "../plainText.ts";
import { broken, type Finding, ok, warning } from "./finding.ts";

const CHECK = "master key";
/** Processes that are named; the others are counted. */
const MAX_NAMED = 3;
const SAME_FOR_ALL = `Give every node and coordinator the same ${SETTINGS.masterKeys.env}, and start those again that had another one.`;

/**
 * Whether the live processes, and this one, can open what the others seal.
 * @param masterKeys those of this process; it may have none.
 */
export async function checkMasterKeys(
  redis: RedisConnection,
  keys: Keys,
  masterKeys: readonly Uint8Array[],
  next: NextSteps,
): Promise<Finding> {
  const own = masterKeys.length === 0 ? [] : new Keyring(masterKeys).keyIds;
  return judgeMasterKeys(await sealingKeyIds(redis, keys), own, next);
}

/** @param live those that tell no ids are not judged. @param own the ids of this process' keys. */
export function judgeMasterKeys(live: readonly SealingKeys[], own: readonly string[], next: NextSteps): Finding {
  const told = live.filter(({ keyIds }) => keyIds.length > 0);
  if (told.length === 0) {
    return ok(CHECK, live.length === 0 ? "no process lives that has one" : "no process that lives tells which it has");
  }
  if (told.some((each) => told.some((other) => !shareOne(each.keyIds, other.keyIds)))) {
    return broken(CHECK, `not all can open what others seal: ${holders(told)}`, SAME_FOR_ALL);
  }
  const strange = own.length === 0 ? [] : told.filter(({ keyIds }) => !shareOne(own, keyIds));
  if (strange.length > 0) {
    return broken(
      CHECK,
      `not that of the cluster: this process has ${own.join(" and ")}, ${holders(strange)}`,
      `Set ${next.setting("masterKeys")} to the one of the cluster, or ${next.setting("redisUrl")} and ${next.setting("keyPrefix")} to the right cluster.`,
    );
  }
  // The first one seals: while a new one has not reached all, some cannot open what others seal.
  const sealing = [...new Set(told.map(({ keyIds: [first = ""] }) => first))];
  if (told.some(({ keyIds }) => !sealing.every((id) => keyIds.includes(id)))) {
    return warning(CHECK, `a new one has not reached all: ${holders(told)}`, SAME_FOR_ALL);
  }
  if (own.length > 0 && !sealing.every((id) => own.includes(id))) {
    return warning(
      CHECK,
      `a new one has not reached this process, which has ${own.join(" and ")}: ${holders(told)}`,
      `Set ${next.setting("masterKeys")} to the one of the cluster.`,
    );
  }
  const silent = live.length - told.length;
  return ok(
    CHECK,
    [
      `${plainText(sealing.join(" or "))} seals for all of ${told.length}`,
      ...(own.length === 0 ? [] : ["this process has it"]),
      ...(silent === 0 ? [] : [`${silent} more ${silent === 1 ? "tells" : "tell"} none`]),
    ].join(", "),
  );
}

function shareOne(some: readonly string[], others: readonly string[]): boolean {
  return some.some((id) => others.includes(id));
}

/** Who has which: `node a, node b have 1a2b3c4d; coordinator c has 5e6f7a8b`. */
function holders(processes: readonly SealingKeys[]): string {
  const groups = Map.groupBy(processes, ({ keyIds }) => keyIds.join(" and "));
  return [...groups]
    .map(([ids, members]) => `${names(members)} ${members.length === 1 ? "has" : "have"} ${plainText(ids)}`)
    .join("; ");
}

function names(processes: readonly SealingKeys[]): string {
  const named = processes.slice(0, MAX_NAMED).map(({ kind, nodeId }) => plainText(`${kind} ${nodeId}`));
  const others = processes.length - named.length;
  return `${named.join(", ")}${others === 0 ? "" : ` and ${others} more`}`;
}
