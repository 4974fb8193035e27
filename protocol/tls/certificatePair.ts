import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { CertificateError } from "./certificateError.ts";
import { certificatesIn, type NamedFile, names, readPem } from "./pemFile.ts";
import type { Validity } from "./validity.ts";

/** A certificate with its key, which belong together. */
export interface CertificatePair {
  /** PEM: the certificate itself first, then those that lead to its authority. */
  readonly cert: string;
  /** PEM. A secret. */
  readonly key: string;
  readonly validity: Validity;
}

export interface PairFiles {
  readonly cert: NamedFile;
  readonly key: NamedFile;
}

/**
 * Reads a certificate and its key, and sees that they can be used together. One that has expired is no error: `validity` tells.
 * @throws CertificateError
 */
export function readCertificatePair(files: PairFiles): CertificatePair {
  const cert = readPem(files.cert);
  const key = readPem(files.key);
  const certificates = parseCertificates(cert, files.cert);
  const privateKey = parseKey(key, files.key);
  const [own] = certificates;
  if (own === undefined || !own.checkPrivateKey(privateKey)) throw notOfEachOther(files, certificates, privateKey);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw unusable(files.cert, error);
  }
  return { cert, key, validity: { from: Date.parse(own.validFrom), until: Date.parse(own.validTo) } };
}

/** Reads certificates of authorities. @throws CertificateError when the file holds none, or one that is damaged. */
export function readAuthorities(file: NamedFile): string {
  const pem = readPem(file);
  parseCertificates(pem, file);
  return pem;
}

function parseCertificates(pem: string, file: NamedFile): X509Certificate[] {
  const texts = certificatesIn(pem);
  if (texts.length === 0) {
    throw new CertificateError(
      `${names(file)}, which holds no certificate: it must be a PEM file with -----BEGIN CERTIFICATE-----.`,
    );
  }
  return texts.map((text, index) => {
    try {
      return new X509Certificate(text);
    } catch (cause) {
      const which = texts.length === 1 ? "a certificate that is" : `certificates of which number ${index + 1} is`;
      throw new CertificateError(`${names(file)}, which holds ${which} damaged: put it there again.`, { cause });
    }
  });
}

function parseKey(pem: string, file: NamedFile): KeyObject {
  if (pem.includes("ENCRYPTED")) {
    throw new CertificateError(
      `${names(file)}, a key that is encrypted, and nobody is asked for a passphrase: decrypt it with \`openssl pkey -in ${file.path} -out …\`.`,
    );
  }
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new CertificateError(
      `${names(file)}, which holds no private key: it must be a PEM file with -----BEGIN PRIVATE KEY-----.`,
      { cause },
    );
  }
}

function notOfEachOther({ cert, key }: PairFiles, certificates: readonly X509Certificate[], privateKey: KeyObject) {
  return certificates.some((each) => each.checkPrivateKey(privateKey))
    ? new CertificateError(
        `${names(cert)}, where the certificate of ${key.setting} is not the first one: put it before those of its authorities.`,
      )
    : new CertificateError(
        `${names(cert)} and ${names(key)}, and these do not belong together: give the key that the certificate was made for.`,
      );
}

/** OpenSSL's own word for it is all that is known: a key that is too short, a digest that is too old. */
function unusable(file: NamedFile, cause: unknown): CertificateError {
  const reason = cause instanceof Error && "reason" in cause ? String(cause.reason) : "refused by OpenSSL";
  return new CertificateError(
    `${names(file)}, a certificate that cannot be used (${reason}): have a new one made, with a key of 2048 bits of RSA or an elliptic curve.`,
    { cause },
  );
}
