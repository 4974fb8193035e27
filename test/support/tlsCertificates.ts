import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Paths of a certificate and its key. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** An authority of one test file, and certificates that it signs. */
export class TestAuthority {
  /** The authority's own certificate. */
  readonly certificate: string;
  readonly #dir = mkdtempSync(join(tmpdir(), "certificates-"));
  readonly #own: CertificateFiles;

  constructor() {
    this.#own = this.selfSigned("authority");
    this.certificate = readFileSync(this.#own.cert, "utf8");
  }

  /** The file of that certificate. */
  get path(): string {
    return this.#own.cert;
  }

  /** For nobody but itself: it is its own authority. @param newKey how `openssl req` makes its key. */
  selfSigned(name: string, newKey: readonly string[] = NEW_KEY): CertificateFiles {
    const files = this.#files(name);
    this.#openssl(
      ...["req", "-x509", ...newKey, "-nodes", "-keyout", files.key, "-out", files.cert],
      ...["-days", "2", "-subj", `/CN=${name}`],
    );
    return files;
  }

  /** @param host as the certificate has it: `IP:127.0.0.1`, `DNS:…`. @param days from now on that it is valid: below 0, none. */
  signed(name: string, host: string, days = 2): CertificateFiles {
    const files = this.#files(name);
    const [request, extensions] = [join(this.#dir, `${name}.csr`), join(this.#dir, `${name}.ext`)];
    writeFileSync(extensions, `subjectAltName=${host}\n`);
    this.#openssl("req", "-new", ...NEW_KEY, "-nodes", "-keyout", files.key, "-out", request, "-subj", `/CN=${name}`);
    this.#openssl(
      ...["x509", "-req", "-in", request, "-CA", this.#own.cert, "-CAkey", this.#own.key, "-CAcreateserial"],
      ...["-days", String(days), "-extfile", extensions, "-out", files.cert],
    );
    return files;
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #files(name: string): CertificateFiles {
    return { cert: join(this.#dir, `${name}.pem`), key: join(this.#dir, `${name}.key`) };
  }

  #openssl(...words: string[]): void {
    execFileSync(OPENSSL, words, { stdio: "pipe" });
  }
}

/** The command that comes with the library of the same name. */
const OPENSSL = "openssl";
const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
