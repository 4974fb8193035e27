export { CertificateError } from "./certificateError.ts";
export { type CertificatePair, type PairFiles, readAuthorities, readCertificatePair } from "./certificatePair.ts";
export type { NamedFile } from "./pemFile.ts";
export { DAY_MS, judgeValidity, type Validity, validityText } from "./validity.ts";
