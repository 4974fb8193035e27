/** A certificate or its key cannot be used. The message is one sentence that says what to do; no key is in it. */
export class CertificateError extends Error {
  readonly code = "CERTIFICATE_INVALID";
}
