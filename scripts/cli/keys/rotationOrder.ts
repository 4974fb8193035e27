import type { SealingKeys } from "@yonexus/protocol/redis";
import { nameOf, someOf } from "./keyReport.ts";

/**
 * Why nothing can be sealed with a key yet: a process that does not have it could open none of it, and one that seals with
 * another key seals it back when a follower authenticates there. Undefined when each process that lives seals with it.
 * @param keyId that of the new key.
 * @returns sentences that name the processes, and the steps in their order.
 */
export function rotationObstacle(live: readonly SealingKeys[], keyId: string): string | undefined {
  const silent = live.filter(({ keyIds }) => keyIds.length === 0);
  const without = live.filter(({ keyIds }) => keyIds.length > 0 && !keyIds.includes(keyId));
  const behind = live.filter(({ keyIds }) => keyIds.includes(keyId) && keyIds[0] !== keyId);
  const found = [
    clause(silent, "does not tell its keys", "do not tell their keys"),
    clause(without, `does not have ${keyId}`, `do not have ${keyId}`),
    clause(behind, `seals with another key than ${keyId}`, `seal with another key than ${keyId}`),
  ].filter((text) => text !== undefined);
  if (found.length === 0) return undefined;
  const steps = [
    ...(silent.length === 0 ? [] : ["update those of an earlier version"]),
    ...(without.length === 0
      ? []
      : [
          "give every node and coordinator the new key behind the one that it has (YONEXUS_MASTER_KEYS=old,new), and start them again one by one",
        ]),
    "put the new key first (YONEXUS_MASTER_KEYS=new,old), and start them again one by one",
    "run `yonexus keys rotate` again",
  ];
  const listed = steps.map((step, index) => `${index + 1}. ${step}`).join("; ");
  return `${found.join("; ")}. In this order: ${listed}.`;
}

function clause(processes: readonly SealingKeys[], one: string, several: string): string | undefined {
  if (processes.length === 0) return undefined;
  return `${someOf(processes.map(nameOf))} ${processes.length === 1 ? one : several}`;
}
