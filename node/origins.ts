import type { IncomingMessage } from "node:http";
import type { Refusal } from "./admission.ts";

const REFUSED: Refusal = {
  status: 403,
  cause: "origin",
  reason: "a page in a browser may connect only when YONEXUS_ALLOWED_ORIGINS names its origin",
};

/**
 * Which pages in browsers may connect. A browser tells by itself of which page a request is, and lets any page connect to any
 * host; followers are programs and tell nothing. So whoever tells an origin that is not listed is not let in.
 */
export class AllowedOrigins {
  readonly #allowed: ReadonlySet<string>;

  /** @param origins as browsers write them: `https://example.org`. */
  constructor(origins: readonly string[]) {
    this.#allowed = new Set(origins);
  }

  /** Why the request of a page is refused; undefined when it is of none, or of one that is listed. */
  refusal({ headers }: Pick<IncomingMessage, "headers">): Refusal | undefined {
    // The older name is that of an earlier WebSocket version, which `ws` still takes.
    const told = [headers.origin, headers["sec-websocket-origin"]].filter((origin) => origin !== undefined);
    return told.every((origin) => typeof origin === "string" && this.#allowed.has(origin)) ? undefined : REFUSED;
  }
}
