import type { Socket } from "node:net";

/** The ends of a connection, which no two connections share. */
type Ends = Pick<Socket, "remoteAddress" | "remotePort" | "localAddress">;

/**
 * The TCP sockets under TLS ones, while they are waited for. A TLS server shows the one when it was opened, and the other when
 * the handshake is over; it does not tell which belong together, but they have the same ends.
 */
export class TlsSockets {
  readonly #waiting = new Map<string, { readonly socket: Socket; readonly forget: () => void }>();

  opened(socket: Socket): void {
    const ends = endsOf(socket);
    const forget = () => {
      if (this.#waiting.get(ends)?.socket === socket) this.#waiting.delete(ends);
    };
    this.#waiting.set(ends, { socket, forget });
    socket.once("close", forget);
  }

  /** The TCP socket under a TLS one, which is waited for no longer; undefined when it is closed already. */
  take(secure: Ends): Socket | undefined {
    const ends = endsOf(secure);
    const found = this.#waiting.get(ends);
    if (found === undefined) return undefined;
    this.#waiting.delete(ends);
    return found.socket.off("close", found.forget);
  }

  /** Cuts off those that are waited for still. */
  destroyAll(): void {
    for (const { socket } of [...this.#waiting.values()]) socket.destroy();
  }
}

function endsOf({ remoteAddress, remotePort, localAddress }: Ends): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}
