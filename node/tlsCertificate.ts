import type { Logger } from "@yonexus/protocol/log";
import {
  CertificateError,
  type CertificatePair,
  DAY_MS,
  judgeValidity,
  type PairFiles,
  readCertificatePair,
  validityText,
} from "@yonexus/protocol/tls";

/** How often the files are read again (ms). They are small, and watching a file misses mounts that are swapped as a whole. */
const LOOK_EVERY_MS = 10_000;

interface TlsCertificateOptions {
  readonly files: PairFiles;
  readonly logger: Logger;
  readonly lookEveryMs?: number;
  /** Unix ms: whether a certificate has expired is a matter of this machine's clock, as it is for TLS. */
  readonly now?: () => number;
}

/**
 * The node's certificate, read from its files and again when they change. One that cannot be used never takes the place of one
 * that can.
 */
export class TlsCertificate {
  readonly #files: PairFiles;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #lookEveryMs: number;
  #current: CertificatePair;
  /** What was said of the files last; said again only when it is something else. */
  #problem: string | undefined;
  #warnedAt = Number.NEGATIVE_INFINITY;
  #replaced: (pair: CertificatePair) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @throws CertificateError when it cannot be used. One that has expired is only told in the log. */
  constructor({ files, logger, lookEveryMs = LOOK_EVERY_MS, now = Date.now }: TlsCertificateOptions) {
    this.#files = files;
    this.#logger = logger;
    this.#lookEveryMs = lookEveryMs;
    this.#now = now;
    this.#current = readCertificatePair(files);
    this.#warnOfTheEnd();
  }

  get current(): CertificatePair {
    return this.#current;
  }

  /** Looks at the files from now on. @param replaced is given each new certificate. */
  watch(replaced: (pair: CertificatePair) => void): void {
    this.#replaced = replaced;
    this.#timer = setInterval(() => this.reload(), this.#lookEveryMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Reads the files now. */
  reload(): void {
    try {
      const found = readCertificatePair(this.#files);
      this.#problem = undefined;
      if (found.cert !== this.#current.cert || found.key !== this.#current.key) this.#replace(found);
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      if (error.message !== this.#problem) {
        this.#problem = error.message;
        this.#logger.error(
          { event: "certificate_refused" },
          `The node keeps the certificate that it has. ${error.message}`,
        );
      }
    }
    this.#warnOfTheEnd();
  }

  #replace(pair: CertificatePair): void {
    this.#current = pair;
    this.#warnedAt = Number.NEGATIVE_INFINITY;
    this.#replaced(pair);
    this.#logger.info(
      { event: "certificate_replaced", until: new Date(pair.validity.until).toISOString() },
      `New connections get another certificate: ${validityText(pair.validity, this.#now())}.`,
    );
  }

  /** Once a day, while it is so. */
  #warnOfTheEnd(): void {
    const now = this.#now();
    const { validity } = this.#current;
    if (judgeValidity(validity, now).state === "good" || now - this.#warnedAt < DAY_MS) return;
    this.#warnedAt = now;
    this.#logger.warn(
      { event: "certificate_ends", until: new Date(validity.until).toISOString() },
      `The certificate of ${this.#files.cert.setting} should be renewed: ${validityText(validity, now)}.`,
    );
  }
}
