import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { AdminError } from "@yonexus/protocol/admin";
import type { ConsoleAccess, ConsoleSession } from "@yonexus/protocol/redis";

/** Where the console is under the admin address. */
export const CONSOLE_PATH = "/console/";
/** The header of a POST that says which page it comes from. */
const CSRF_HEADER = "x-yonexus-csrf";
const TOKEN = /^[A-Za-z0-9_-]{43}$/u;

/** A session, as a request that belongs to it shows it. */
export interface EnteredSession extends ConsoleSession {
  /** What a page of this session sends with each POST. */
  readonly csrf: string;
  /** A secret: that of the cookie. */
  readonly token: string;
}

/**
 * Who may pass: a request with the cookie of a session. What changes something must come from a page of the console as well, by its
 * `Origin`, and carry a token that only such a page can know.
 */
export class Gate {
  readonly #access: ConsoleAccess;
  readonly #origin: string;
  readonly #cookieName: string;
  readonly #cookieAttributes: string;

  /** @param publicUrl by which browsers reach the admin address. */
  constructor(access: ConsoleAccess, publicUrl: string) {
    this.#access = access;
    const url = new URL(publicUrl);
    this.#origin = url.origin;
    // Cookies do not know ports: the consoles of two clusters on one machine must not sign each other out.
    this.#cookieName = `yonexus_console${url.port === "" ? "" : `_${url.port}`}`;
    const path = `${url.pathname.replace(/\/$/u, "")}${CONSOLE_PATH}`;
    const secure = url.protocol === "https:" ? "; Secure" : "";
    this.#cookieAttributes = `Path=${path}; HttpOnly; SameSite=Strict${secure}`;
  }

  /** The session of a request; undefined when it has none. That it was asked for makes it last longer. */
  async session(headers: IncomingHttpHeaders): Promise<EnteredSession | undefined> {
    const token = this.#tokenOf(headers.cookie ?? "");
    if (token === undefined) return undefined;
    const session = await this.#access.use(token);
    return session === undefined ? undefined : { ...session, token, csrf: csrfOf(token) };
  }

  /** @throws AdminError 401 when the request has no session. */
  async requireSession(headers: IncomingHttpHeaders): Promise<EnteredSession> {
    const session = await this.session(headers);
    if (session === undefined) throw new AdminError(401, "Nobody is signed in here: open a link of `yonexus console`.");
    return session;
  }

  /** Whether a browser sent it from a page of the console. */
  isSameOrigin(headers: IncomingHttpHeaders): boolean {
    const site = headers["sec-fetch-site"];
    return headers.origin === this.#origin && (site === undefined || site === "same-origin");
  }

  /** @throws AdminError 403 when a page of another site, or none, sent it. */
  requireSameOrigin(headers: IncomingHttpHeaders): void {
    if (this.isSameOrigin(headers)) return;
    throw new AdminError(403, "This was not sent by a page of the console: nothing was done.");
  }

  /** @throws AdminError 403 when it does not carry the session's own token. */
  requireCsrf(headers: IncomingHttpHeaders, session: EnteredSession): void {
    const given = Buffer.from(String(headers[CSRF_HEADER] ?? ""));
    const wanted = Buffer.from(session.csrf);
    if (given.length === wanted.length && timingSafeEqual(given, wanted)) return;
    throw new AdminError(403, "The page is of another session: load it again. Nothing was done.");
  }

  /** The value of `set-cookie` for a session's token. It has no age: Redis knows when the session ends. */
  cookie(token: string): string {
    return `${this.#cookieName}=${token}; ${this.#cookieAttributes}`;
  }

  get emptyCookie(): string {
    return `${this.#cookieName}=; Max-Age=0; ${this.#cookieAttributes}`;
  }

  csrfOf(token: string): string {
    return csrfOf(token);
  }

  #tokenOf(cookies: string): string | undefined {
    for (const part of cookies.split(";")) {
      const [name, value] = part.trim().split("=", 2);
      if (name === this.#cookieName && value !== undefined && TOKEN.test(value)) return value;
    }
    return undefined;
  }
}

function csrfOf(token: string): string {
  return createHmac("sha256", token).update("csrf").digest("base64url");
}
