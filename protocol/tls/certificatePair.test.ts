import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CertificateFiles, TestAuthority } from "../../test/support/tlsCertificates.ts";
import { CertificateError, DAY_MS, readAuthorities, readCertificatePair } from "./index.ts";

let authority: TestAuthority;
let right: CertificateFiles;
let other: CertificateFiles;
beforeAll(() => {
  authority = new TestAuthority();
  right = authority.signed("right", "IP:127.0.0.1");
  other = authority.signed("other", "IP:127.0.0.1");
});
afterAll(() => authority.remove());

const named = ({ cert, key }: CertificateFiles) => ({
  cert: { setting: "THE_CERT", path: cert },
  key: { setting: "THE_KEY", path: key },
});

/** A further file beside the certificates. */
function write(name: string, text: string): string {
  const path = join(dirname(right.cert), name);
  writeFileSync(path, text);
  return path;
}

function problemOf(files: CertificateFiles): string {
  try {
    readCertificatePair(named(files));
  } catch (error) {
    if (error instanceof CertificateError) return error.message;
    throw error;
  }
  return "";
}

describe("a certificate and its key", () => {
  it("are read, with when the certificate is good", () => {
    const { cert, key, validity } = readCertificatePair(named(right));
    expect([cert, key]).toEqual([readFileSync(right.cert, "utf8"), readFileSync(right.key, "utf8")]);
    expect(validity.until - validity.from).toBe(2 * DAY_MS);
  });

  it("may have the certificates of authorities behind their own, and lines between them", () => {
    const chain = write("chain.pem", `of the node\n${readFileSync(right.cert, "utf8")}\n${authority.certificate}`);
    expect(problemOf({ ...right, cert: chain })).toBe("");
  });

  it("that has expired is read all the same: whoever reads it tells of it", () => {
    const expired = authority.signed("expired", "IP:127.0.0.1", -1);
    expect(readCertificatePair(named(expired)).validity.until).toBeLessThan(Date.now());
  });

  it("of which one is not there, or a folder, are told by the setting, the path and what to do", () => {
    expect(problemOf({ ...right, key: "/nowhere/node.key" })).toBe(
      "THE_KEY names /nowhere/node.key, a file that is not there: put a PEM file there, or correct the path.",
    );
    expect(problemOf({ ...right, cert: dirname(right.cert) })).toContain("a file that is a folder");
  });

  it("that do not belong together are told as that", () => {
    expect(problemOf({ cert: right.cert, key: other.key })).toMatch(
      /^THE_CERT names .+ and THE_KEY names .+, and these do not belong together: give the key that the certificate was made for\.$/u,
    );
  });

  it("in a file with the authority first are told to be put first", () => {
    const chain = write("wrong-order.pem", authority.certificate + readFileSync(right.cert, "utf8"));
    expect(problemOf({ ...right, cert: chain })).toContain("is not the first one: put it before those");
  });

  it("whose key is encrypted are told how to decrypt it", () => {
    for (const type of ["pkcs8", "sec1"] as const) {
      const key = createPrivateKey(readFileSync(right.key));
      const cipher = { cipher: "aes-256-cbc", passphrase: "of this test" };
      const path = write(`encrypted-${type}.key`, String(key.export({ type, format: "pem", ...cipher })));
      expect(problemOf({ ...right, key: path })).toContain(`decrypt it with \`openssl pkey -in ${path} -out …\``);
    }
  });

  it.each([
    ["a key in place of the certificate", () => ({ ...right, cert: right.key }), "which holds no certificate"],
    ["a certificate in place of the key", () => ({ ...right, key: right.cert }), "which holds no private key"],
    ["an empty file", () => ({ ...right, cert: write("empty.pem", "") }), "which holds no certificate"],
    [
      "a damaged certificate",
      () => ({
        ...right,
        cert: write("damaged.pem", readFileSync(right.cert, "utf8").replace(/.{40}\n-----END/u, "\n-----END")),
      }),
      "a certificate that is damaged: put it there again",
    ],
    [
      "one that is damaged behind the first",
      () => ({
        ...right,
        cert: write(
          "tail.pem",
          `${readFileSync(right.cert, "utf8")}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
        ),
      }),
      "certificates of which number 2 is damaged",
    ],
  ])("%s is told as what it is", (_, files, problem) => {
    expect(problemOf(files())).toContain(problem);
  });

  it("that TLS would refuse are told with its reason", () => {
    const weak = authority.selfSigned("weak", ["-newkey", "rsa:512"]);
    expect(problemOf(weak)).toMatch(/cannot be used \(.*key too small\): have a new one made/u);
  });

  it("never have anything of the key in what is told", () => {
    const body = /-----\n([^-]{30})/u.exec(readFileSync(right.key, "utf8"))?.[1] ?? "?";
    const damaged = write("half.key", readFileSync(right.key, "utf8").replace("-----END", "??\n-----END"));
    for (const files of [
      { ...right, cert: right.key },
      { ...right, key: damaged },
    ]) {
      expect(problemOf(files)).not.toBe("");
      expect(problemOf(files)).not.toContain(body);
    }
  });
});

describe("the certificates of authorities", () => {
  it("are read as they stand, and refused when there is none", () => {
    const path = write("ca.pem", authority.certificate);
    expect(readAuthorities({ setting: "THE_CA", path })).toBe(authority.certificate);
    const { publicKey } = generateKeyPairSync("ed25519");
    const wrong = write("public.pem", String(publicKey.export({ type: "spki", format: "pem" })));
    expect(() => readAuthorities({ setting: "THE_CA", path: wrong })).toThrow(/^THE_CA names .+ holds no certificate/u);
  });
});
