import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { CertificatePair } from "@yonexus/protocol/tls";
import { WebSocket, WebSocketServer, type Server as WebSocketServerOf } from "ws";
import type { Refusal } from "./admission.ts";
import { type PendingLimits, PendingSockets } from "./pendingSockets.ts";
import type { Transport } from "./session/transport.ts";
import { TlsSockets } from "./tlsSockets.ts";

/** What the server asks of the node. */
export interface ServerHandlers {
  /** Why the node should get no new followers; empty when it is ready. */
  unreadiness(): readonly string[];
  /** Where a socket comes from, as limits count it; undefined when it stands for many clients, as a proxy does. */
  addressOf(socket: Socket): string | undefined;
  /** Before the upgrade: where it comes from, or the HTTP answer that refuses it. */
  admit(request: IncomingMessage): { readonly address: string } | Refusal;
  /** After the upgrade. */
  accept(transport: Transport, address: string): SocketEvents;
}

interface SocketEvents {
  receive(text: string): void;
  receiveBinary(): void;
  pong(): void;
  socketClosed(): void;
}

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly maxFrameBytes: number;
  /** WebSockets at most. */
  readonly maxWebSockets: number;
  /** Sockets that are none, or not yet: beside the others, so that neither can use up the places of the other. */
  readonly pending: PendingLimits;
  /** With it the server speaks TLS, and nothing else. */
  readonly certificate?: CertificatePair | undefined;
}

/** A client has so long to send its HTTP request, and before that for the TLS handshake (ms). */
const REQUEST_TIMEOUT_MS = 5_000;
/** What is refused has so long to read why (ms). */
const REFUSAL_LINGERS_MS = 1_000;
/** Sockets in the closing handshake, beside those that count. */
const SPARE_SOCKETS = 64;

/** The one port of a node: WebSocket upgrades, /healthz and /readyz, over TLS when it has a certificate. */
export class WsServer {
  readonly #handlers: ServerHandlers;
  readonly #options: ServerOptions;
  readonly #http: Server;
  /** The same server where it speaks TLS. */
  readonly #tls: TlsServer | undefined;
  readonly #tlsSockets = new TlsSockets();
  readonly #webSockets: WebSocketServerOf<typeof FollowerSocket>;
  readonly #pending: PendingSockets<Socket>;
  /** One for all sockets, which are its `this`. */
  readonly #onPendingClose: (this: Socket) => void;

  constructor(options: ServerOptions, handlers: ServerHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    const pending = new PendingSockets<Socket>(options.pending);
    this.#pending = pending;
    this.#onPendingClose = function (this: Socket) {
      pending.leave(this);
    };
    const timeouts = {
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 8_192,
    };
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      const { status, body } = this.#answer(request);
      response.writeHead(status, {
        "content-type": "application/json",
        "cache-control": "no-store",
        // One answer a socket: who stays would keep its place.
        connection: "close",
      });
      response.end(`${JSON.stringify(body)}\n`);
    };
    const { certificate } = options;
    this.#tls =
      certificate === undefined
        ? undefined
        : createTlsServer({ ...timeouts, handshakeTimeout: REQUEST_TIMEOUT_MS, ...secureOptions(certificate) }, answer);
    this.#http = this.#tls ?? createServer(timeouts, answer);
    this.#http.maxConnections = options.maxWebSockets + options.pending.total + SPARE_SOCKETS;
    // Of a TLS server it is the TCP socket, before the handshake.
    this.#http.on("connection", (socket) => {
      if (certificate !== undefined) this.#tlsSockets.opened(socket);
      this.#pending.enter(socket, handlers.addressOf(socket));
      socket.on("close", this.#onPendingClose);
    });
    this.#http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    this.#http.on("clientError", (_error, socket) => socket.destroy());
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      WebSocket: FollowerSocket,
      maxPayload: options.maxFrameBytes,
      // 244 KB a connection once it has been used: never.
      perMessageDeflate: false,
    });
  }

  /** Listens. @returns the port. @throws when the port is taken. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#http.once("error", reject);
      this.#http.listen({ host: this.#options.host, port: this.#options.port, backlog: 4_096 }, () => {
        this.#http.off("error", reject);
        resolve();
      });
    });
    return (this.#http.address() as AddressInfo).port;
  }

  /** Sockets that are no WebSocket, most of them not yet. */
  get pendingSockets(): number {
    return this.#pending.size;
  }

  /** Stops listening. Open WebSockets stay. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#http.close(() => resolve());
      this.#http.closeAllConnections();
      // It knows only those whose handshake is over.
      this.#tlsSockets.destroyAll();
    });
  }

  /** New handshakes get this certificate; sockets that are open stay. Of no effect where there was none at the start. */
  useCertificate(certificate: CertificatePair): void {
    this.#tls?.setSecureContext(secureOptions(certificate));
  }

  #answer(request: IncomingMessage): { status: number; body: Record<string, unknown> } {
    const path = request.url?.split("?")[0];
    if (request.method !== "GET" && request.method !== "HEAD") return { status: 405, body: { error: "only GET" } };
    if (path === "/healthz") return { status: 200, body: { status: "alive" } };
    if (path === "/readyz") {
      const reasons = this.#handlers.unreadiness();
      return reasons.length === 0
        ? { status: 200, body: { status: "ready" } }
        : { status: 503, body: { status: "not ready", reasons } };
    }
    return { status: 404, body: { error: "a Yonexus node: connect with a WebSocket, or GET /healthz or /readyz" } };
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", destroyThis);
    const admitted = this.#handlers.admit(request);
    if ("status" in admitted) {
      refuse(socket, admitted);
      return;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const pending = this.#tls === undefined ? request.socket : this.#tlsSockets.take(request.socket);
      if (pending !== undefined) this.#pending.leave(pending.off("close", this.#onPendingClose));
      // ws listens by itself from here on.
      socket.off("error", destroyThis);
      webSocket.follower = this.#handlers.accept(webSocket, admitted.address);
      webSocket.addListener("message", onMessage).addListener("pong", onPong);
      webSocket.addListener("close", onClose).addListener("error", onError);
    });
  }
}

/** A WebSocket is a transport as it is. All of them share their listeners: a node holds many, and most are idle. */
class FollowerSocket extends WebSocket {
  follower: SocketEvents | undefined;
}

function onMessage(this: FollowerSocket, data: Buffer, isBinary: boolean): void {
  if (isBinary) this.follower?.receiveBinary();
  else this.follower?.receive(data.toString("utf8"));
}

function onPong(this: FollowerSocket): void {
  this.follower?.pong();
}

function onClose(this: FollowerSocket): void {
  this.follower?.socketClosed();
}

/** ws closes the socket itself (1002, 1007, 1009) after each of its errors. */
function onError(): void {}

/** A reset while the answer is written is nobody's fault. */
function destroyThis(this: Duplex): void {
  this.destroy();
}

function secureOptions({ cert, key }: CertificatePair) {
  return { cert, key, minVersion: "TLSv1.2" } as const;
}

/** A client that keeps its half of the socket open is cut off. */
function refuse(socket: Duplex, { status, reason, retryAfterS }: Refusal): void {
  const body = `${JSON.stringify({ error: reason })}\n`;
  const retryAfter = retryAfterS === undefined ? "" : `Retry-After: ${retryAfterS}\r\n`;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${retryAfter}Connection: close\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => setTimeout(() => socket.destroy(), REFUSAL_LINGERS_MS).unref(),
  );
}
