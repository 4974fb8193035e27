import { describe, expect, it } from "vitest";
import { DAY_MS } from "../../tls/index.ts";
import { judgeCertificates } from "./certificateCheck.ts";

const NOW = Date.UTC(2026, 0, 10, 12);
const node = (nodeId: string, daysLeft: number, lifetime = 90) => ({
  nodeId,
  certificate: { from: NOW + (daysLeft - lifetime) * DAY_MS, until: NOW + daysLeft * DAY_MS },
});

describe("the certificates of the nodes", () => {
  it("are nothing to tell of where no node speaks TLS", () => {
    expect(judgeCertificates([{ nodeId: "a" }], NOW)).toEqual([]);
  });

  it("are well while none of them ends soon, with the days that the first has left", () => {
    expect(judgeCertificates([node("a", 60), node("b", 40), { nodeId: "c" }], NOW)).toEqual([
      { check: "certificates", status: "ok", found: "the first of 2 nodes: it ends in 40 days (2026-02-19)" },
    ]);
  });

  it("are to be renewed in the last two weeks, or the last quarter of a short life", () => {
    expect(judgeCertificates([node("a", 60), node("b", 9)], NOW)).toMatchObject([
      { status: "warning", found: "node b: it ends in 9 days (2026-01-19)" },
    ]);
    expect(judgeCertificates([node("a", 5, 6)], NOW)).toMatchObject([{ status: "ok" }]);
    expect(judgeCertificates([node("a", 1, 6)], NOW)).toMatchObject([
      { status: "warning", found: "node a: it ends in 1 day (2026-01-11)" },
    ]);
  });

  it("are broken when one has ended or is not good yet, which keeps followers out", () => {
    expect(judgeCertificates([node("a", 60), node("b", -3)], NOW)).toMatchObject([
      {
        status: "broken",
        found: "node b: it ended 3 days ago (2026-01-07)",
        mend: expect.stringContaining("YONEXUS_TLS_CERT"),
      },
    ]);
    expect(judgeCertificates([node("a", 91, 90)], NOW)).toMatchObject([
      { status: "broken", found: "node a: it is not good before 2026-01-11" },
    ]);
  });

  it("are told of three nodes by name, and of the others by their number", () => {
    const many = ["a", "b", "c", "d", "e"].map((name) => node(name, 2));
    expect(judgeCertificates(many, NOW)[0]?.found).toMatch(/^node a: .+; node b: .+; node c: .+; and 2 more$/u);
  });
});
