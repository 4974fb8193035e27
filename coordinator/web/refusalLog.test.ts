import { createLogger } from "@yonexus/protocol/log";
import { expect, it } from "vitest";
import { RefusalLog } from "./refusalLog.ts";

it("a refusal is told once a minute for each reason, with how many came meanwhile", () => {
  const lines: string[] = [];
  let now = 0;
  const logger = createLogger("info", "coordinator", { write: (line) => void lines.push(line) });
  const log = new RefusalLog(logger, "interaction_refused", { forged: "Forged.", stale: "Stale." }, () => now);
  for (let count = 0; count < 1_000; count++) log.note("forged", { address: "192.0.2.1" });
  log.note("stale", {});
  now = 59_999;
  log.note("forged", { address: "192.0.2.1" });
  expect(lines).toHaveLength(2);
  now = 60_000;
  log.note("forged", { address: "192.0.2.2" });
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { event: "interaction_refused", reason: "forged", address: "192.0.2.1", untold: 0, msg: "Forged." },
    { reason: "stale", untold: 0 },
    { reason: "forged", address: "192.0.2.2", untold: 1_000 },
  ]);
});
