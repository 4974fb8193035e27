import { describe, expect, it } from "vitest";
import { HandshakeShares, MAX_ADDRESSES } from "./handshakeShares.ts";

const LIMITS = { handshakeRatePerSecond: 100, handshakeBurst: 50, handshakeRatePerAddress: 25 };

const takeAll = (shares: HandshakeShares, address: string, now: number): number => {
  let count = 0;
  while (shares.of(address, now).take(now)) count++;
  return count;
};

describe("an address's share of a node's handshakes", () => {
  it("is as large a part of the burst as of the rate, one at least, and comes back with time", () => {
    const shares = new HandshakeShares(LIMITS);
    expect(takeAll(shares, "a", 0)).toBe(13);
    expect(takeAll(shares, "a", 200)).toBe(5);
    const smallest = { handshakeRatePerSecond: 100_000, handshakeBurst: 1, handshakeRatePerAddress: 1 };
    expect(takeAll(new HandshakeShares(smallest), "a", 0)).toBe(1);
  });

  it("is its own: what one address takes, no other lacks", () => {
    const shares = new HandshakeShares(LIMITS);
    for (const address of ["a", "b", "c"]) expect(takeAll(shares, address, 0)).toBe(13);
  });

  it("is remembered for a bounded number of addresses: the one that was away for longest is forgotten", () => {
    const shares = new HandshakeShares(LIMITS);
    takeAll(shares, "away", 0);
    takeAll(shares, "busy", 0);
    for (let index = 0; index < 2 * MAX_ADDRESSES; index++) {
      shares.of(`other-${index}`, 0);
      expect(shares.of("busy", 0).take(0)).toBe(false);
    }
    expect(shares.size).toBe(MAX_ADDRESSES);
    expect(takeAll(shares, "away", 0)).toBe(13);
  });
});
