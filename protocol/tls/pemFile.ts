import { readFileText } from "../process/fileText.ts";
import { CertificateError } from "./certificateError.ts";

/** A file that a setting names. */
export interface NamedFile {
  /** The setting as its reader knows it: `YONEXUS_TLS_CERT`. */
  readonly setting: string;
  readonly path: string;
}

/** A bundle with the authorities of a whole system has about 220 KiB. */
const MAX_BYTES = 1_048_576;

/** How a sentence begins that is about the file. */
export function names({ setting, path }: NamedFile): string {
  return `${setting} names ${path}`;
}

/** @throws CertificateError when it cannot be read. */
export function readPem(file: NamedFile): string {
  const { text, problem } = readFileText(file.path, MAX_BYTES);
  if (problem === undefined) return text;
  throw new CertificateError(`${names(file)}, a file that ${problem}: put a PEM file there, or correct the path.`);
}

/** The certificates of a PEM text, each on its own; empty when there is none. */
export function certificatesIn(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/gu) ?? [];
}
