import type { HostLogger } from "../core/host.ts";
import { isPairingCode, type PairingCode, type PairingCodeFile } from "../core/pairingCodes.ts";

/** Takes the coordinator's notices, a line of JSON each: codes go into their file, the rest into the gateway's log. */
export class CodeTerminal {
  readonly refusal: string;
  readonly #codes: PairingCodeFile;
  readonly #logger: HostLogger;
  #sweep: NodeJS.Timeout | undefined;
  #failure: string | undefined;
  #closed = false;

  constructor(codes: PairingCodeFile, logger: HostLogger) {
    this.#codes = codes;
    this.#logger = logger;
    this.refusal = `The code could not be put into ${codes.path}.`;
  }

  write(text: string, done: (error?: Error | null) => void): void {
    this.#notice(text).then(
      () => done(),
      (error: unknown) => done(error instanceof Error ? error : new Error(this.refusal)),
    );
  }

  /** Takes out what an earlier run left: codes that are over by now. */
  async clean(): Promise<void> {
    await this.#try(() => this.#codes.clean()).catch(() => {});
    this.#sweepAfter(this.#codes.read());
  }

  /** Keeps of a follower's codes only those of these keys. */
  async keep(identifier: string, fingerprints: readonly string[]): Promise<void> {
    await this.#try(() => this.#codes.keep(identifier, fingerprints)).catch(() => {});
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#sweep);
  }

  async #notice(line: string): Promise<void> {
    const notice: unknown = JSON.parse(line);
    if (isPairingCode(notice)) {
      await this.#try(() => this.#codes.add(notice));
      this.#sweepAfter([notice]);
      this.#logger.info(
        `The follower ${notice.identifier} asks to pair. Its code, and the fingerprint to compare, are shown by: openclaw yonexus listPairings`,
      );
      return;
    }
    const { event = "notice", identifier = "", address = "" } = notice as Record<string, unknown>;
    this.#logger.warn(
      `${String(event)}: the follower ${String(identifier)}, from ${String(address)}. Look with: openclaw yonexus showClient ${String(identifier)}`,
    );
  }

  /** A file that cannot be written is told once, until it can. @throws the file system's error. */
  async #try(change: () => Promise<void>): Promise<void> {
    try {
      await change();
      this.#failure = undefined;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
      const failure = `The file of pairing codes ${this.#codes.path} cannot be written (${code}): mend that, or no follower can be given a code. It is tried again at the next one.`;
      if (failure !== this.#failure) this.#logger.error(failure);
      this.#failure = failure;
      throw error;
    }
  }

  /** When the last of them is over, so are all that came before. */
  #sweepAfter(codes: readonly PairingCode[]): void {
    if (codes.length === 0 || this.#closed) return;
    clearTimeout(this.#sweep);
    const overAt = Math.max(...codes.map(({ expiresAt }) => expiresAt * 1000));
    const sweep = () => void this.#try(() => this.#codes.dropOver()).catch(() => {});
    this.#sweep = setTimeout(sweep, Math.max(0, overAt - Date.now())).unref();
  }
}
