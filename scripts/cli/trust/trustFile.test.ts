import { generateKeyPairSync } from "node:crypto";
import type { CarriedTrust } from "@yonexus/protocol/redis";
import { describe, expect, it } from "vitest";
import { CliError } from "../cliError.ts";
import { readTrustFile, sealTrustFile } from "./trustFile.ts";

const CHEAP = { N: 1_024, r: 8, p: 1 };
const PASSPHRASE = "correct horse battery";
const { publicKey: keyObject, privateKey } = generateKeyPairSync("ed25519");
const raw = Buffer.from(keyObject.export({ format: "jwk" }).x ?? "", "base64url");
const KEY = raw.toString("base64");
const PEM = keyObject.export({ type: "spki", format: "pem" }).toString();
const SECRET = "a shared secret";

const FOLLOWERS: readonly CarriedTrust[] = [
  { identifier: "alpha", allowed: true, pairing: { publicKey: KEY, secret: SECRET, pairedAt: 1_700_000_000_000 } },
  { identifier: "beta", allowed: true },
  { identifier: "gamma", allowed: false },
];

const nobodyAsked = () => Promise.reject(new Error("A plain file needs no passphrase."));
const open = (text: string, passphrase = PASSPHRASE) =>
  readTrustFile(text, "t.json", () => Promise.resolve(passphrase));
const readPlain = (value: unknown) => readTrustFile(JSON.stringify(value), "t.json", nobodyAsked);

describe("a sealed trust file", () => {
  it("gives back what was put into it", async () => {
    expect(await open(await sealTrustFile(FOLLOWERS, PASSPHRASE, CHEAP))).toEqual({ followers: FOLLOWERS, unread: [] });
  });

  it("shows nothing of the followers, and how its key is made", async () => {
    const text = await sealTrustFile(FOLLOWERS, PASSPHRASE, CHEAP);
    for (const hidden of ["alpha", KEY, SECRET, PASSPHRASE]) expect(text).not.toContain(hidden);
    expect(JSON.parse(text)).toEqual({
      format: "yonexus-trust",
      version: 1,
      kdf: { name: "scrypt", ...CHEAP, salt: expect.stringMatching(/^[\w+/]{22}==$/u) },
      seal: "nacl-secretbox",
      nonce: expect.any(String),
      box: expect.any(String),
    });
  });

  it("is another one each time", async () => {
    const texts = await Promise.all([1, 2].map(() => sealTrustFile(FOLLOWERS, PASSPHRASE, CHEAP)));
    const [first, second] = texts.map((text) => JSON.parse(text) as { kdf: { salt: string }; nonce: string });
    expect(first?.kdf.salt).not.toBe(second?.kdf.salt);
    expect(first?.nonce).not.toBe(second?.nonce);
  });

  it("opens with the same passphrase, however its letters were composed", async () => {
    const text = await sealTrustFile(FOLLOWERS, "caf\u00e9 caf\u00e9 caf\u00e9", CHEAP);
    expect((await open(text, "cafe\u0301 cafe\u0301 cafe\u0301")).followers).toEqual(FOLLOWERS);
  });

  it("does not open with another passphrase, nor when anything in it was changed", async () => {
    const text = await sealTrustFile(FOLLOWERS, PASSPHRASE, CHEAP);
    await expect(open(text, "another passphrase")).rejects.toThrow(/does not open t\.json/u);
    const file = JSON.parse(text) as Record<string, unknown> & { box: string; kdf: object };
    const box = Buffer.from(file.box, "base64");
    box[40] = (box[40] ?? 0) ^ 1;
    const changed = [
      { ...file, box: box.toString("base64") },
      { ...file, kdf: { ...file.kdf, N: 2_048 } },
    ];
    for (const each of changed) await expect(open(JSON.stringify(each))).rejects.toThrow(/does not open t\.json/u);
  });

  it.each([
    ["more memory than it may have", { N: 2 ** 30 }],
    ["more rounds than it may have", { p: 1_000 }],
    ["a cost that scrypt does not know", { N: 1_000 }],
    ["a cost that is no number", { r: "8" }],
    ["another way to make the key", { name: "pbkdf2" }],
  ])("that asks for %s is refused before any work is done", async (_, kdf) => {
    const file = JSON.parse(await sealTrustFile(FOLLOWERS, PASSPHRASE, CHEAP)) as { kdf: object };
    const text = JSON.stringify({ ...file, kdf: { ...file.kdf, ...kdf } });
    await expect(readTrustFile(text, "t.json", nobodyAsked)).rejects.toThrow("t.json is a damaged trust file");
  });

  it("of a later version is named as such", async () => {
    const file = JSON.parse(await sealTrustFile(FOLLOWERS, PASSPHRASE, CHEAP)) as object;
    await expect(readPlain({ ...file, version: 2 })).rejects.toThrow(/another version/u);
  });
});

describe("the plain trust file of a single-process server", () => {
  const paired = { identifier: "alpha", publicKey: KEY, secret: SECRET };

  it.each([
    ["a list of clients", { version: 1, clients: [paired] }],
    ["clients by their identifiers", { clients: { alpha: { publicKey: KEY, secret: SECRET } } }],
    ["a list alone", [paired]],
    ["a key in PEM", { clients: [{ ...paired, publicKey: PEM }] }],
    [
      "a key in DER",
      { clients: [{ ...paired, publicKey: Buffer.from(PEM.split("\n")[1] ?? "", "base64").toString("base64") }] },
    ],
    ["a key in the URL's base64", { clients: [{ ...paired, publicKey: raw.toString("base64url") }] }],
    [
      "what it kept besides",
      { clients: [{ ...paired, pairingStatus: "paired", recentNonces: [], lastHeartbeatAt: null, status: "online" }] },
    ],
  ])("is read as %s", async (_, file) => {
    expect(await readPlain(file)).toEqual({
      followers: [{ identifier: "alpha", allowed: true, pairing: { publicKey: KEY, secret: SECRET } }],
      unread: [],
    });
  });

  it.each([
    [1_700_000_000, 1_700_000_000_000],
    [1_700_000_000_500, 1_700_000_000_500],
    ["2023-11-14T22:13:20Z", 1_700_000_000_000],
    ["yesterday", undefined],
    [-5, undefined],
  ])("was paired at %s, which is %s", async (pairedAt, expected) => {
    const { followers } = await readPlain({ clients: [{ ...paired, pairedAt }] });
    expect(followers[0]?.pairing?.pairedAt).toBe(expected);
  });

  it.each(["unpaired", "pending"])(
    "of a follower that is %s brings its place on the allowlist alone",
    async (pairingStatus) => {
      const { followers, unread } = await readPlain({ clients: [{ ...paired, pairingStatus }] });
      expect(followers).toEqual([{ identifier: "alpha", allowed: true }]);
      expect(unread).toEqual([]);
    },
  );

  it("of a follower that was revoked lets nobody in", async () => {
    const { followers } = await readPlain({ clients: [{ ...paired, pairingStatus: "revoked" }] });
    expect(followers).toEqual([{ identifier: "alpha", allowed: false }]);
  });

  it("says what it could not read, and reads the others", async () => {
    const { followers, unread } = await readPlain({
      clients: [
        null,
        { publicKey: KEY, secret: SECRET },
        { identifier: "not an identifier\u001b[2J", publicKey: KEY, secret: SECRET },
        { identifier: "no-key", publicKey: "c2hvcnQ=", secret: SECRET },
        {
          identifier: "private",
          publicKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
          secret: SECRET,
        },
        { identifier: "weak", publicKey: Buffer.alloc(32).toString("base64"), secret: SECRET },
        { identifier: "long", publicKey: KEY, secret: "s".repeat(257) },
        { identifier: "no-secret", publicKey: KEY },
        { identifier: "twice", publicKey: KEY, secret: "one" },
        { identifier: "twice", publicKey: KEY, secret: "two" },
        { identifier: "odd", allowed: "yes" },
        paired,
      ],
    });
    expect(followers.map(({ identifier }) => identifier)).toEqual(["no-secret", "alpha"]);
    expect(unread).toEqual([
      "Entry 1 is no object.",
      expect.stringMatching(/^Entry 2 names no follower:/u),
      expect.stringMatching(/^Entry 3 names no follower "not an identifier\\\\x1b\[2J":/u),
      ...["no-key", "private", "weak"].map((name) => `${name}: its key is no Ed25519 public key in base64 or PEM.`),
      "long: its secret has not 1 to 256 characters.",
      "no-secret has no secret: it is brought as one that is not paired yet.",
      "odd: allowed is neither true nor false.",
      "twice stands in the file more than once: leave the right one, and import it again.",
    ]);
    for (const line of unread) expect(line).not.toContain(SECRET);
  });

  it.each([
    ["", /is no JSON/u],
    ["{", /is no JSON/u],
    ["7", /is no trust file/u],
    ['{"peers":[]}', /is no trust file: .*"clients"/u],
  ])("%j is refused with a sentence", async (text, sentence) => {
    const refusal = readTrustFile(text, "t.json", nobodyAsked);
    await expect(refusal).rejects.toThrow(sentence);
    await expect(refusal).rejects.toBeInstanceOf(CliError);
  });

  it("takes no name of the prototype for a follower's field", async () => {
    const { followers } = await readTrustFile(
      '{"clients":[{"identifier":"alpha","__proto__":{"allowed":false}}]}',
      "t",
      nobodyAsked,
    );
    expect(followers).toEqual([{ identifier: "alpha", allowed: true }]);
  });
});
