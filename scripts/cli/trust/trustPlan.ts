import { renderTable } from "@yonexus/protocol/operator";
import type { CarriedTrust, TrustComparison, TrustDifference } from "@yonexus/protocol/redis";

/** One follower of the file, and what importing it would do. */
export interface PlannedTrust {
  readonly trust: CarriedTrust;
  readonly compared: TrustComparison;
}

/** Rows that are shown of a plan: more are a number. */
const SHOWN = 40;

const DIFFERENCES: Readonly<Record<TrustDifference, string>> = {
  allowed: "the allowlist says otherwise here",
  key: "another key here",
  secret: "another secret here",
  cleared: "its trust was cleared here",
  unreadable: "its secret here cannot be read",
};

/** What an import would do, for people: a table of what changes, and the rest as a number. */
export function planText(plan: readonly PlannedTrust[]): string {
  const changing = plan.filter(({ compared }) => compared.kind !== "same");
  const same = plan.length - changing.length;
  const rows = changing
    .slice(0, SHOWN)
    .map((planned) => [planned.trust.identifier, whatToDo(planned), whyText(planned)]);
  return [
    ...(rows.length === 0 ? [] : [renderTable(["follower", "what", "why"], rows)]),
    ...(changing.length > SHOWN ? [`… and ${changing.length - SHOWN} more.`] : []),
    ...(same > 0
      ? [
          `${same} ${same === 1 ? "is" : "are"} here already, and ${same === 1 ? "stays" : "stay"} as ${same === 1 ? "it is" : "they are"}.`,
        ]
      : []),
    ...(plan.length === 0 ? ["The file has no followers."] : []),
  ].join("\n");
}

/** How many there are of each kind. */
export function countKinds(plan: readonly PlannedTrust[]): Readonly<Record<TrustComparison["kind"], number>> {
  const counts = { new: 0, paired: 0, same: 0, different: 0 };
  for (const { compared } of plan) counts[compared.kind] += 1;
  return counts;
}

function whatToDo({ trust, compared }: PlannedTrust): string {
  const result = [trust.allowed ? "allowed" : "not allowed", ...(compared.bringsPairing ? ["paired"] : [])].join(", ");
  return compared.kind === "different" ? `replaced: ${result}` : result;
}

function whyText({ compared }: PlannedTrust): string {
  switch (compared.kind) {
    case "new":
      return "unknown here";
    case "paired":
      return "not paired here";
    case "same":
      return "the same here";
    case "different":
      return compared.differences.map((difference) => DIFFERENCES[difference]).join(", ");
  }
}
