import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Admission, type Place } from "./admission.ts";

const LIMITS = {
  maxConnections: 10,
  maxUnauthenticated: 5,
  maxUnauthenticatedPerAddress: 3,
  maxPendingPairings: 3,
  maxPendingPairingsPerAddress: 2,
  handshakeRatePerSecond: 1,
  handshakeBurst: 1_000,
  handshakeRatePerAddress: 1,
};

type Step = { do: "connect"; address: string } | { do: "pair" | "giveUp" | "authenticate" | "leave"; which: number };
const anySteps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("connect" as const), address: fc.constantFrom("a", "b", "c") }),
    fc.record({
      do: fc.constantFrom("pair" as const, "giveUp" as const, "authenticate" as const, "leave" as const),
      which: fc.nat(),
    }),
  ),
  { maxLength: 80 },
);

describe("admission", () => {
  it("agrees with a list of the places: each limit holds at every moment, and no refusal is without cause", () => {
    fc.assert(
      fc.property(anySteps, (steps: Step[]) => {
        const admission = new Admission(LIMITS, 0);
        const places: Place[] = [];
        const count = (pool: Place["pool"], address?: string) =>
          places.filter((place) => place.pool === pool && (address === undefined || place.address === address)).length;
        for (const step of steps) {
          if (step.do === "connect") {
            const expected =
              places.length >= LIMITS.maxConnections || count("unauthenticated") >= LIMITS.maxUnauthenticated
                ? 503
                : count("unauthenticated", step.address) >= LIMITS.maxUnauthenticatedPerAddress
                  ? 429
                  : undefined;
            const refusal = admission.refusal(step.address, 0, 0);
            expect(refusal?.status).toBe(expected);
            if (refusal === undefined) places.push(admission.enter(step.address));
            continue;
          }
          const index = places.length === 0 ? -1 : step.which % places.length;
          const place = places[index];
          if (place === undefined) continue;
          if (step.do === "leave") {
            admission.leave(place);
            places.splice(index, 1);
          } else if (step.do === "authenticate") {
            places[index] = admission.authenticate(place);
          } else if (step.do === "giveUp") {
            if (place.pool === "pairing") places[index] = admission.giveUpWaiting(place);
          } else if (place.pool !== "authenticated") {
            const full =
              place.pool !== "pairing" &&
              (count("pairing") >= LIMITS.maxPendingPairings ||
                count("pairing", place.address) >= LIMITS.maxPendingPairingsPerAddress);
            const moved = admission.waitForHuman(place);
            expect(moved === undefined).toBe(full);
            places[index] = moved ?? place;
          }
        }
        for (const place of places) admission.leave(place);
        // Nothing of those that left is counted on.
        for (let free = 0; free < LIMITS.maxUnauthenticatedPerAddress; free++) {
          expect(admission.refusal("a", 0, 0)).toBeUndefined();
          const place = admission.enter("a");
          if (free < LIMITS.maxPendingPairingsPerAddress) expect(admission.waitForHuman(place)).toBeDefined();
        }
      }),
    );
  });

  it("counts those that wait for a human apart: they keep nobody from coming in", () => {
    const admission = new Admission({ ...LIMITS, maxUnauthenticated: 1 }, 0);
    const place = admission.enter("a");
    expect(admission.refusal("b", 0, 0)?.status).toBe(503);
    admission.waitForHuman(place);
    expect(admission.refusal("b", 0, 0)).toBeUndefined();
    expect(admission.refusal("a", 0, 0)).toBeUndefined();
  });

  it("lets one address have its share of those that wait for a human, and keeps the others' places free", () => {
    const admission = new Admission(LIMITS, 0);
    const wait = (address: string) => admission.waitForHuman(admission.enter(address));
    const first = wait("a");
    expect([wait("a"), wait("a"), wait("b")].map((place) => place?.pool)).toEqual(["pairing", undefined, "pairing"]);
    if (first !== undefined) admission.giveUpWaiting(first);
    expect(wait("a")?.pool).toBe("pairing");
  });

  it("begins no more handshakes than its rate allows, and tells the others when to come back", () => {
    const admission = new Admission(
      { ...LIMITS, handshakeRatePerSecond: 10, handshakeBurst: 2, handshakeRatePerAddress: 100 },
      0,
    );
    const outcomes = [0, 0, 0, 50, 100, 100].map((now) => admission.refusal("a", now, 0)?.status);
    expect(outcomes).toEqual([undefined, undefined, 503, 503, undefined, 503]);
    expect(admission.refusal("a", 100, 0)).toEqual({
      status: 503,
      cause: "rate",
      reason: "too many connections come to this node at once",
      retryAfterS: 1,
    });
  });

  it("lets no address have more than its share, and keeps the rest for the others, who wait no longer for it", () => {
    const admission = new Admission(
      { ...LIMITS, handshakeRatePerSecond: 8, handshakeBurst: 4, handshakeRatePerAddress: 2 },
      0,
    );
    const from = (address: string, now: number) => admission.refusal(address, now, 0.999);
    expect(from("a", 0)).toBeUndefined();
    for (let count = 0; count < 500; count++) expect(from("a", 0)?.status).toBe(429);
    expect(from("a", 0)).toEqual({
      status: 429,
      cause: "address_rate",
      reason: "too many connections come from your address at once",
      retryAfterS: 15,
    });
    for (const other of ["b", "c", "d"]) expect(from(other, 0)).toBeUndefined();
    expect(from("e", 0)).toMatchObject({ status: 503, retryAfterS: 1 });
    expect(from("a", 500)).toBeUndefined();
  });

  it("takes no handshake of the rate for a socket that it refuses for another cause", () => {
    const admission = new Admission({ ...LIMITS, handshakeBurst: 2, maxUnauthenticatedPerAddress: 1 }, 0);
    expect(admission.refusal("a", 0, 0)).toBeUndefined();
    const place = admission.enter("a");
    for (let count = 0; count < 5; count++) expect(admission.refusal("a", 0, 0)?.status).toBe(429);
    admission.authenticate(place);
    expect(admission.refusal("a", 0, 0)).toBeUndefined();
  });
});
