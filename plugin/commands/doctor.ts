import { findingsText } from "@yonexus/protocol/operator";
import { aligned, type OperatorCommand } from "./operatorCommand.ts";

export const doctor: OperatorCommand = {
  name: "doctor",
  aliases: [],
  summary: "look for what is wrong: settings, Redis, nodes, coordinators, rules",
  run: async ({ surface, examine }) => {
    const findings = await examine();
    const healthy = findings.every(({ status }) => status !== "broken");
    return {
      text: aligned(surface, findingsText(findings)),
      json: { healthy, findings },
      ...(healthy ? {} : { failed: true as const }),
    };
  },
};
