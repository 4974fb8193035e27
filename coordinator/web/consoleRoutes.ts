import { AdminError, type AdminRequest, type AdminResponse, type AdminServer } from "@yonexus/protocol/admin";
import type { Logger } from "@yonexus/protocol/log";
import type { ConsoleAccess } from "@yonexus/protocol/redis";
import { Attempts } from "./attempts.ts";
import { type Decisions, parseDecision, parseLink } from "./decisions.ts";
import { CONSOLE_PATH, type EnteredSession, type Gate } from "./gate.ts";
import type { SessionInfo } from "./liveMessages.ts";
import { PAGE_POLICY, type PageFile, type PageFiles, pageDocument } from "./pageFiles.ts";

export interface ConsoleParts {
  readonly access: ConsoleAccess;
  readonly gate: Gate;
  readonly decisions: Decisions;
  /** Absent when the page was not built. */
  readonly files: PageFiles | undefined;
  readonly coordinatorId: string;
  readonly logger: Logger;
  /** Somebody was told that Redis does not answer: whether it refuses is for the log. */
  readonly onRedisError: (error: unknown) => void;
  /** Something was changed: pages are to be told soon. */
  readonly onChange: () => void;
}

const MAX_BODY_BYTES = 2_048;
/** Links by one address: a link has 256 random bits, and this only bounds the work. Decisions by one session. */
const ATTEMPTS = { limit: 30, windowMs: 60_000 };
/** POSTs of other sites by one address that are looked into and written down; the rest are refused without a word. */
const CROSS_SITE = { limit: 10, windowMs: 60_000 };

/** Puts the console's page, and what it asks for over HTTP, on the admin server. */
export function addConsoleRoutes(admin: AdminServer, parts: ConsoleParts): void {
  const { access, gate, decisions, files, coordinatorId, logger, onRedisError, onChange } = parts;
  const signIns = new Attempts(ATTEMPTS);
  const bySession = new Attempts(ATTEMPTS);
  const crossSite = new Attempts(CROSS_SITE);
  /** What fails for lack of Redis is told so, and not as a fault of the console. @throws AdminError 503 */
  const orUnavailable = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof AdminError) throw error;
      onRedisError(error);
      throw new AdminError(503, "Redis does not answer: try again when it does, and look whether it was done.", {
        cause: error,
      });
    }
  };
  const info = (csrf: string, by: string): SessionInfo => ({ csrf, by, coordinatorId });

  const mustBeFew = (attempts: Attempts, who: string): void => {
    if (!attempts.take(who, performance.now())) throw new AdminError(429, "That is tried too often: wait a minute.");
  };

  /**
   * What every POST needs, before anything else is looked at. What another site made a browser send counts towards no limit of
   * the person's own: it could keep that person out.
   */
  const mustBeOwnPage = async ({ address, counted, headers }: AdminRequest): Promise<void> => {
    if (gate.isSameOrigin(headers)) return;
    if (crossSite.take(counted, performance.now())) {
      logger.warn({ event: "console_cross_site", address }, "A POST that no page of the console sent was refused.");
      const session = await orUnavailable(gate.session(headers));
      // Somebody's browser was made to send it.
      if (session !== undefined) {
        await orUnavailable(access.note({ event: "refused", by: session.by, address, reason: "cross_site" }));
      }
    }
    gate.requireSameOrigin(headers);
  };

  /** What every POST of somebody who is signed in needs. */
  const mustBeSignedIn = async (request: AdminRequest): Promise<EnteredSession> => {
    await mustBeOwnPage(request);
    const session = await orUnavailable(gate.requireSession(request.headers));
    gate.requireCsrf(request.headers, session);
    mustBeFew(bySession, session.hash);
    return session;
  };

  admin.route("GET", "/", () => redirect("console/"));
  admin.route("GET", CONSOLE_PATH.slice(0, -1), () => redirect("console/"));
  admin.route("GET", CONSOLE_PATH, () => page(files));
  admin.route("GET", `${CONSOLE_PATH}console.js`, ({ url }) => file(files?.script, url));
  admin.route("GET", `${CONSOLE_PATH}console.css`, ({ url }) => file(files?.style, url));

  admin.route("GET", `${CONSOLE_PATH}api/session`, async ({ headers }) => {
    const { csrf, by } = await orUnavailable(gate.requireSession(headers));
    return json(info(csrf, by));
  });

  admin.route("POST", `${CONSOLE_PATH}api/sign-in`, async (request) => {
    await mustBeOwnPage(request);
    mustBeFew(signIns, request.counted);
    const link = parseLink(await bodyText(request));
    if (link === undefined) throw new AdminError(400, "That is no link: ask for one with `yonexus console`.");
    const opened = await orUnavailable(access.open(link, request.address));
    if (opened.outcome !== "opened") {
      logger.warn(
        { event: "console_link_refused", address: request.address, reason: opened.outcome },
        "A link was refused.",
      );
      throw new AdminError(403, LINK_REFUSALS[opened.outcome]);
    }
    const { token, session } = opened;
    logger.info(
      { event: "console_signed_in", by: session.by, address: request.address },
      "Somebody signed in to the console.",
    );
    return json(info(gate.csrfOf(token), session.by), { "set-cookie": gate.cookie(token) });
  });

  admin.route("POST", `${CONSOLE_PATH}api/sign-out`, async (request) => {
    const session = await mustBeSignedIn(request);
    await orUnavailable(access.end(session.token));
    onChange();
    return json({}, { "set-cookie": gate.emptyCookie });
  });

  admin.route("POST", `${CONSOLE_PATH}api/decide`, async (request) => {
    const session = await mustBeSignedIn(request);
    const decision = parseDecision(await bodyText(request));
    if (decision === undefined) throw new AdminError(400, "That is no decision about a pairing: nothing was done.");
    const result = await orUnavailable(decisions.decide(decision, session, request.address));
    const { identifier, pairingId } = decision;
    logger.info(
      {
        event: "console_decision",
        by: session.by,
        address: request.address,
        identifier,
        pairingId,
        outcome: result.outcome,
      },
      "A pairing was decided in the console.",
    );
    onChange();
    return json(result);
  });
}

const LINK_REFUSALS = {
  unknown: "This link is not known: ask for a new one with `yonexus console`.",
  used: "This link was used already, and is good for once: ask for a new one with `yonexus console`.",
  expired: "This link is over: ask for a new one with `yonexus console`.",
};

async function bodyText(request: AdminRequest): Promise<string> {
  if (!/^application\/json(?:;|$)/u.test(request.headers["content-type"] ?? "")) {
    throw new AdminError(415, "It must be JSON: nothing was done.");
  }
  return (await request.body(MAX_BODY_BYTES)).toString("utf8");
}

function json(value: object, headers: Readonly<Record<string, string>> = {}): AdminResponse {
  return { status: 200, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(value) };
}

function redirect(location: string): AdminResponse {
  return { status: 303, headers: { location } };
}

function page(files: PageFiles | undefined): AdminResponse {
  if (files === undefined) throw notBuilt();
  return {
    status: 200,
    headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": PAGE_POLICY },
    body: pageDocument(files),
  };
}

function file(wanted: PageFile | undefined, url: URL): AdminResponse {
  if (wanted === undefined) throw notBuilt();
  const isKept = url.searchParams.get("v") === wanted.digest;
  return {
    status: 200,
    headers: {
      "content-type": wanted.contentType,
      "cache-control": isKept ? "private, max-age=31536000, immutable" : "no-store",
    },
    body: wanted.bytes,
  };
}

function notBuilt(): AdminError {
  return new AdminError(
    503,
    "The page of the console is not built: run `npm run build:console` and start the coordinator again.",
  );
}
