import { plainText, remainingText, renderTable } from "@yonexus/protocol/operator";
import { type SealedCount, type SealingKeys, UNKNOWN_KEY } from "@yonexus/protocol/redis";

/**
 * What a master key is good for now:
 * - `seals`: a live process seals with it.
 * - `needed`: nobody seals with it any more, but something is sealed with it.
 * - `unused`: nobody seals with it and nothing is sealed with it. An old one can be dropped; a new one is to be put first.
 * - `undecided`: it would be unused, but a live process does not tell its keys.
 * - `lost`: something is sealed with it, and no process that tells its keys has it.
 */
type KeyVerdict = "seals" | "needed" | "unused" | "undecided" | "lost";

interface KeyState extends SealedCount {
  readonly keyId: string;
  readonly verdict: KeyVerdict;
  /** The processes that seal with it, and all that can open what it sealed: their ids, and `this command`. */
  readonly sealing: readonly string[];
  readonly known: readonly string[];
}

export interface KeyReport {
  readonly keys: readonly KeyState[];
  /** Live processes of a version that does not tell its keys. */
  readonly silent: readonly string[];
}

const THIS_COMMAND = "this command";
/** Processes that are named in a cell; the others are counted. */
const MAX_NAMED = 3;
const NOTHING: SealedCount = { secrets: 0, replaced: 0, codes: 0, codesUntil: 0 };

/** @param own the ids of this command's keys, the first one first; it may have none. */
export function reportKeys(
  live: readonly SealingKeys[],
  own: readonly string[],
  sealed: ReadonlyMap<string, SealedCount>,
): KeyReport {
  const silent = live.filter(({ keyIds }) => keyIds.length === 0).map(nameOf);
  const ids = new Set([...live.flatMap(({ keyIds }) => keyIds), ...own, ...sealed.keys()]);
  const keys = [...ids].map((keyId): KeyState => {
    const count = sealed.get(keyId) ?? NOTHING;
    const sealing = live.filter(({ keyIds }) => keyIds[0] === keyId).map(nameOf);
    const known = live.filter(({ keyIds }) => keyIds.includes(keyId)).map(nameOf);
    const isKnown = known.length > 0 || own.includes(keyId) || silent.length > 0 || keyId === UNKNOWN_KEY;
    return {
      ...{ keyId, sealing, ...count },
      known: own.includes(keyId) ? [...known, THIS_COMMAND] : known,
      verdict: judge(count, sealing.length > 0, isKnown, silent.length > 0),
    };
  });
  return { keys: keys.toSorted((one, other) => rank(one) - rank(other)), silent };
}

function judge(count: SealedCount, isSealing: boolean, isKnown: boolean, someAreSilent: boolean): KeyVerdict {
  if (isSealing) return "seals";
  if (count.secrets + count.replaced + count.codes > 0) return isKnown ? "needed" : "lost";
  return someAreSilent ? "undecided" : "unused";
}

function rank({ verdict }: KeyState): number {
  return (["seals", "needed", "lost", "undecided", "unused"] as const).indexOf(verdict);
}

/** @param now Redis time (ms). */
export function keyReportText({ keys, silent }: KeyReport, now: number): string {
  if (keys.length === 0) return "No process that lives tells a master key, and nothing is sealed.";
  const table = renderTable(
    ["KEY", "SEALS FOR", "KNOWN TO", "SECRETS", "REPLACED", "CODES"],
    keys.map(({ keyId, sealing, known, secrets, replaced, codes }) => [
      keyId,
      sealing.length === 0 ? "nobody" : someOf(sealing),
      known.length === 0 ? "nobody" : someOf(known),
      ...[secrets, replaced, codes].map(String),
    ]),
  );
  const told = silent.length === 0 ? [] : [`${someOf(silent)} of an earlier version: which keys it has is not known.`];
  return [table, "", ...keys.map((key) => verdictText(key, now)), ...told].join("\n");
}

function verdictText({ keyId, verdict, secrets, replaced, codes, codesUntil }: KeyState, now: number): string {
  const waiting =
    codes === 0
      ? ""
      : ` ${codes === 1 ? "A code waits" : "Codes wait"} for ${remainingText(codesUntil - now)} at most.`;
  switch (verdict) {
    case "seals":
      return `${keyId}: in use.`;
    case "needed":
      return secrets + replaced === 0
        ? `${keyId}: keep it until its last code is used or over.${waiting}`
        : `${keyId}: keep it. \`yonexus keys rotate\` seals anew what is sealed with it.${waiting}`;
    case "lost":
      return `${keyId}: nobody has it. Give it back to every process, or the followers that are sealed with it must pair again.`;
    case "undecided":
      return `${keyId}: nothing is sealed with it. Update the processes that do not tell their keys, to know whether it can be dropped.`;
    case "unused":
      return `${keyId}: nothing is sealed with it. An old key can be dropped now; a new one is put first in YONEXUS_MASTER_KEYS.`;
  }
}

/** `node a, node b, node c and 2 more`. */
export function someOf(names: readonly string[]): string {
  const others = names.length - MAX_NAMED;
  return `${names.slice(0, MAX_NAMED).join(", ")}${others > 0 ? ` and ${others} more` : ""}`;
}

export function nameOf({ kind, nodeId }: SealingKeys): string {
  return plainText(`${kind} ${nodeId}`);
}
