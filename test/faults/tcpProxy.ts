import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { PipeDirection, type ProxyMode } from "./pipeDirection.ts";

export type ProxyAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** What a half-open connection loses: what the client sends, what the target sends, or all of it. */
export type LostDirection = "both" | "toTarget" | "toClient";

const LOOPBACK = "127.0.0.1";

/** One client's connection and the one to the target that was made for it. */
class Link {
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #pipes: readonly [PipeDirection, PipeDirection];

  constructor(client: Socket, to: ProxyAddress, mode: () => ProxyMode, gone: () => void) {
    this.#client = client;
    this.#target = connect({ ...to, allowHalfOpen: true });
    const upwards = new PipeDirection(client, this.#target, () => mode().toTarget);
    const downwards = new PipeDirection(this.#target, client, () => mode().toClient);
    this.#pipes = [upwards, downwards];
    let open = 2;
    for (const [end, onwards] of [[client, upwards] as const, [this.#target, downwards] as const]) {
      // What ended it shows as its closing.
      end.on("error", () => {});
      end.on("close", () => {
        onwards.sourceClosed();
        open -= 1;
        if (open === 0) gone();
      });
    }
  }

  modeChanged(): void {
    for (const pipe of this.#pipes) pipe.modeChanged();
  }

  /** Whether bytes of it are lost: whatever came after them would make no sense. */
  get isDamaged(): boolean {
    return this.#pipes.some((pipe) => pipe.isDamaged);
  }

  reset(): void {
    for (const end of [this.#client, this.#target]) reset(end);
  }

  /** In order: what was sent before still arrives. */
  finish(): void {
    for (const end of [this.#client, this.#target]) {
      end.end();
      // A peer that does not answer the FIN must not keep the link.
      end.destroySoon();
    }
  }
}

/**
 * Stands between clients and a server and breaks what is between them. Everything it holds is bounded: what it cannot pass on
 * it does not read.
 */
export class TcpProxy {
  readonly address: ProxyAddress;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #mode: ProxyMode = HEALTHY;
  #refuses = false;

  private constructor(server: Server, address: ProxyAddress, target: () => ProxyAddress) {
    this.address = address;
    this.#server = server;
    server.on("connection", (client: Socket) => {
      if (this.#refuses) {
        client.on("error", () => {});
        reset(client);
        return;
      }
      const link: Link = new Link(
        client,
        target(),
        () => this.#mode,
        () => this.#links.delete(link),
      );
      this.#links.add(link);
    });
  }

  /**
   * Listens on a free loopback port, or on the unix socket.
   * @param target asked for each new connection, so that a server may come back elsewhere.
   */
  static async open(target: ProxyAddress | (() => ProxyAddress), path?: string): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true });
    if (path === undefined) server.listen(0, LOOPBACK);
    else server.listen(path);
    await once(server, "listening");
    const address = path === undefined ? { host: LOOPBACK, port: (server.address() as AddressInfo).port } : { path };
    return new TcpProxy(server, address, typeof target === "function" ? target : () => target);
  }

  /** @throws {TypeError} when it listens on a unix socket. */
  get port(): number {
    if ("path" in this.address) throw new TypeError("The proxy listens on a unix socket and has no port.");
    return this.address.port;
  }

  get connections(): number {
    return this.#links.size;
  }

  /** Everything arrives so much later (ms), in both directions and in its order. */
  delay(eachWayMs: number): void {
    this.#set({ toTarget: { delayMs: eachWayMs }, toClient: { delayMs: eachWayMs } });
  }

  /** Ends every connection, and each new one at once, until it heals. Only TCP has a reset; a unix socket is closed. */
  cut(how: "reset" | "fin" = "reset"): void {
    this.#refuses = true;
    for (const link of [...this.#links]) {
      if (how === "reset") link.reset();
      else link.finish();
    }
  }

  /** Connections stay and new ones are taken; what is sent is lost, and neither side hears of an end. */
  halfOpen(lost: LostDirection = "both"): void {
    this.#set({
      toTarget: { swallows: lost !== "toClient" },
      toClient: { swallows: lost !== "toTarget" },
    });
  }

  /** Nothing is read any more and nothing is lost: the senders run into back pressure. */
  stall(): void {
    this.#set({ toTarget: { stalled: true }, toClient: { stalled: true } });
  }

  /** As if nothing had been. A connection that lost bytes is reset. */
  heal(): void {
    this.#refuses = false;
    this.#set(HEALTHY);
    for (const link of [...this.#links]) if (link.isDamaged) link.reset();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #set(mode: ProxyMode): void {
    this.#mode = mode;
    for (const link of this.#links) link.modeChanged();
  }
}

const HEALTHY: ProxyMode = { toTarget: {}, toClient: {} };

function reset(socket: Socket): void {
  // A socket that is not connected yet, or that is no TCP socket, cannot be reset.
  const isTcp = socket.remoteFamily !== undefined;
  if (isTcp && !socket.destroyed) socket.resetAndDestroy();
  else socket.destroy();
}
