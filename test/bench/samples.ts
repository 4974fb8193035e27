import type { Usage } from "./processUsage.ts";

/** What all rounds found of one system in one respect. */
export class Samples {
  readonly values: number[] = [];
  readonly usage: Usage[][] = [];
  sent = 0;
  lost = 0;

  add(value: number, usage?: Usage[]): void {
    this.values.push(value);
    if (usage !== undefined) this.usage.push(usage);
  }

  /** Counts what was handed over, and what of it never arrived. */
  count(sent: number, lost: number): void {
    this.sent += sent;
    this.lost += lost;
  }
}
