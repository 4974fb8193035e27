/** What a check found. `warning`: it works now and may not later. `broken`: something does not work. */
export interface Finding {
  readonly check: string;
  readonly status: "ok" | "warning" | "broken";
  readonly found: string;
  /** What to do about it; absent when all is well. */
  readonly mend?: string;
}

export function ok(check: string, found: string): Finding {
  return { check, status: "ok", found };
}

export function warning(check: string, found: string, mend: string): Finding {
  return { check, status: "warning", found, mend };
}

export function broken(check: string, found: string, mend: string): Finding {
  return { check, status: "broken", found, mend };
}

/** Findings for people, one a line, each followed by its mend. */
export function findingsText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, status, found, mend }) => [
    `${status.padEnd(7)}  ${check.padEnd(width)}  ${found}`,
    ...(mend === undefined ? [] : [`${" ".repeat(width + 11)}${mend}`]),
  ]);
  const bad = findings.filter(({ status }) => status === "broken").length;
  const doubtful = findings.filter(({ status }) => status === "warning").length;
  return [...lines, "", verdict(bad, doubtful)].join("\n");
}

function verdict(bad: number, doubtful: number): string {
  if (bad > 0) return `${bad} broken, ${doubtful} to look at: begin with the first one.`;
  return doubtful > 0 ? `Nothing is broken, ${doubtful} to look at.` : "All is well.";
}
