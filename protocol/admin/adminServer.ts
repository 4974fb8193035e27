import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import type { Duplex } from "node:stream";
import type { Logger } from "../log/index.ts";
import { type AdminResponse, headersOf, rawSentence, sentenceAnswer } from "./adminAnswer.ts";
import { AdminError, AdminListenError } from "./adminError.ts";
import { adminRequest, discardBody } from "./adminRequest.ts";
import { type AdminMethod, type AdminPath, type AdminRoute, Routes } from "./routes.ts";
import { SourceAddresses } from "./sourceAddress.ts";

export interface AdminServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Addresses and CIDR ranges whose X-Forwarded-For is believed; nobody's unless given. */
  readonly trustedProxies?: readonly string[];
  readonly logger: Logger;
}

export type AdminUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Sockets at most, upgraded ones among them: it is for a few people and machines. */
const MAX_SOCKETS = 256;
const MAX_HEADER_BYTES = 16_384;
/** An asker has so long to send its headers, and so long to send all (ms). */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** A route has so long to answer (ms). */
const ANSWER_TIMEOUT_MS = 15_000;
/** What no route read of a body may take so long to arrive (ms). */
const UNREAD_BODY_MS = 500;
/** Answers under way when it is closed have so long to be read (ms). */
const CLOSE_PATIENCE_MS = 1_000;

/**
 * The HTTP server of the admin address, apart from the one that followers reach. What it serves is given to it; it
 * sees to limits, security headers, and answers that tell no more than they should.
 */
export class AdminServer {
  readonly #options: AdminServerOptions;
  readonly #http: Server;
  readonly #addresses: SourceAddresses;
  readonly #routes = new Routes();
  readonly #upgrades = new Map<string, AdminUpgrade>();
  readonly #upgraded = new Set<Duplex>();

  constructor(options: AdminServerOptions) {
    this.#options = options;
    this.#addresses = new SourceAddresses(options.trustedProxies ?? []);
    this.#http = createServer(
      {
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: 1_000,
        maxHeaderSize: MAX_HEADER_BYTES,
      },
      (message, response) => void this.#serve(message, response),
    );
    this.#http.maxConnections = MAX_SOCKETS;
    this.#http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    this.#http.on("clientError", (error, socket) => refuse(socket, ...clientErrorOf(error)));
  }

  /** A route for GET answers HEAD too. @throws TypeError when there is a handler for that method and path. */
  route(method: AdminMethod, path: AdminPath, handler: AdminRoute): void {
    this.#routes.add(method, path, handler);
  }

  /** The handler gets the socket and sees to all of it: answering, errors, its end. It is cut off when the server is closed. */
  onUpgrade(path: string, handler: AdminUpgrade): void {
    this.#upgrades.set(path, handler);
  }

  /** @throws AdminListenError that says what to do when the address cannot be had. */
  async listen(): Promise<{ readonly url: string }> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const refused = (cause: unknown): void => reject(new AdminListenError(host, port, cause));
      this.#http.once("error", refused);
      this.#http.listen({ host, port }, () => {
        this.#http.off("error", refused);
        resolve();
      });
    });
    const listening = (this.#http.address() as AddressInfo).port;
    return { url: `http://${isIPv6(host) ? `[${host}]` : host}:${listening}` };
  }

  /** Resolves when no socket of it is left. Calling it again, or without having listened, changes nothing. */
  async close(): Promise<void> {
    for (const socket of this.#upgraded) socket.destroy();
    if (!this.#http.listening) return;
    const closed = new Promise<void>((resolve) => {
      this.#http.close(() => resolve());
    });
    this.#http.closeIdleConnections();
    const cutOff = setTimeout(() => this.#http.closeAllConnections(), CLOSE_PATIENCE_MS);
    await closed;
    clearTimeout(cutOff);
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(message);
    // Who still sends does not read, and would be cut off with the answer unread.
    await discardBody(message, UNREAD_BODY_MS);
    if (response.destroyed) return;
    if (!message.complete || !this.#http.listening) response.setHeader("connection", "close");
    response.writeHead(answer.status, headersOf(answer));
    response.end(message.method === "HEAD" ? undefined : answer.body);
  }

  async #answer(message: IncomingMessage): Promise<AdminResponse> {
    const request = adminRequest(message, this.#addresses);
    if (request === undefined) return sentenceAnswer(400, "That is no path.");
    const route = this.#routes.find(request.method, request.url.pathname);
    if (typeof route !== "function") {
      if (route.length === 0) return sentenceAnswer(404, "There is nothing here.");
      return sentenceAnswer(405, `Only ${route.join(" and ")}.`, { allow: route.join(", ") });
    }
    try {
      return await inTime(Promise.resolve(route(request)));
    } catch (error) {
      if (error instanceof AdminError) return sentenceAnswer(error.status, error.message);
      this.#failed(error, request.url.pathname);
      return sentenceAnswer(500, "That failed: the log of this process says why.");
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const handler = this.#upgrades.get(adminRequest(request, this.#addresses)?.url.pathname ?? "");
    if (handler === undefined) {
      refuse(socket, 404, "There is nothing here.");
      return;
    }
    this.#upgraded.add(socket);
    socket.once("close", () => this.#upgraded.delete(socket));
    try {
      handler(request, socket, head);
    } catch (error) {
      this.#failed(error, request.url ?? "");
      socket.destroy();
    }
  }

  #failed(error: unknown, path: string): void {
    this.#options.logger.error({ event: "admin_route_failed", err: error, path }, "an admin route failed");
  }
}

/** @throws AdminError 503 when it takes too long. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new AdminError(503, "That takes too long: try it again.")), ANSWER_TIMEOUT_MS);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function clientErrorOf(error: Error): [status: number, sentence: string] {
  const code = "code" in error ? error.code : undefined;
  if (code === "HPE_HEADER_OVERFLOW") return [431, `The headers are too large: ${MAX_HEADER_BYTES} bytes at most.`];
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return [408, "The request took too long."];
  return [400, "That is no HTTP request."];
}

function refuse(socket: Duplex, status: number, sentence: string): void {
  if (!socket.writable) socket.destroy();
  else socket.end(rawSentence(status, sentence), () => socket.destroy());
}
