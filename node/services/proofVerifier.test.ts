import { generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { verifyProof } from "@yonexus/protocol/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProofVerifier } from "./proofVerifier.ts";

interface Row {
  readonly publicKey: string;
  readonly secret: string;
  readonly nonce: string;
  readonly proofTimestamp: number;
  readonly signature: string;
  readonly valid: boolean;
  readonly why?: string;
}

const path = new URL("../../protocol/vectors/proof.json", import.meta.url);
const rows = JSON.parse(readFileSync(path, "utf8")) as readonly Row[];
const toVerify = ({ proofTimestamp, ...row }: Row) => ({ ...row, timestamp: proofTimestamp });

describe("the native verifier", () => {
  it.each(rows)("comes to the verdict of the vectors: $valid ($why)", async (row) => {
    const verifier = new ProofVerifier();
    expect(await verifier.verify(toVerify(row))).toBe(row.valid);
    // Again, with the key that it parsed before.
    expect(await verifier.verify(toVerify(row))).toBe(row.valid);
  });

  it("agrees with the portable one on whatever is done to a good proof", async () => {
    const verifier = new ProofVerifier();
    const good = rows.filter(({ valid }) => valid);
    const anyText = fc.oneof(fc.string(), fc.base64String({ maxLength: 96 }));
    const anyChange = fc.record(
      {
        publicKey: fc.oneof(fc.constantFrom(...rows.map(({ publicKey }) => publicKey)), anyText),
        secret: anyText,
        nonce: anyText,
        proofTimestamp: fc.oneof(fc.double(), fc.nat()),
        signature: fc.oneof(fc.constantFrom(...rows.map(({ signature }) => signature)), anyText),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...good), anyChange, async (row, change) => {
        const proof = toVerify({ ...row, ...change });
        expect(await verifier.verify(proof)).toBe(verifyProof(proof));
      }),
      { numRuns: 60 },
    );
  });

  it("refuses a key that is no point of the curve, time and again", async () => {
    const verifier = new ProofVerifier();
    const [row] = rows;
    if (row === undefined) throw new Error("There are no vectors.");
    // y = 2 is on no point: no x fits it.
    const publicKey = Buffer.from(Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 2 : 0))).toString(
      "base64",
    );
    expect(await verifier.verify({ ...toVerify(row), publicKey })).toBe(false);
    expect(await verifier.verify({ ...toVerify(row), publicKey })).toBe(false);
  });

  it("judges many proofs of many keys at once, each by its own key", async () => {
    const verifier = new ProofVerifier();
    const proofs = Array.from({ length: 50 }, (_, index) => {
      const { privateKey, publicKey } = generateKeyPairSync("ed25519");
      const proof = { secret: "s", nonce: "n".repeat(24), timestamp: index };
      return {
        ...proof,
        publicKey: publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("base64"),
        signature: sign(null, Buffer.from(JSON.stringify(proof)), privateKey).toString("base64"),
      };
    });
    expect(await Promise.all(proofs.map((proof) => verifier.verify(proof)))).toEqual(Array(50).fill(true));
    const swapped = proofs.map((proof, index) => ({ ...proof, publicKey: proofs[(index + 1) % 50]?.publicKey ?? "" }));
    expect(await Promise.all(swapped.map((proof) => verifier.verify(proof)))).toEqual(Array(50).fill(false));
  });
});
