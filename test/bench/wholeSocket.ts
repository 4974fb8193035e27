import { WebSocket } from "ws";
import type { FollowerSocket, Outgoing, SocketEvents } from "./followerSocket.ts";

/** The client of `ws`, as the follower library uses it. It takes as much of the machine as the server that it talks to. */
export class WholeSocket implements FollowerSocket {
  readonly #webSocket: WebSocket;

  constructor(url: string, events: SocketEvents) {
    let refusedStatus: number | undefined;
    this.#webSocket = new WebSocket(url, { perMessageDeflate: false });
    this.#webSocket.on("open", () => events.onOpen());
    this.#webSocket.on("message", (payload: Buffer) => events.onPayload(payload));
    this.#webSocket.on("unexpected-response", (_request, response) => {
      refusedStatus = response.statusCode;
      this.#webSocket.terminate();
    });
    this.#webSocket.on("error", () => undefined);
    this.#webSocket.on("close", (code) => events.onEnd(refusedStatus ?? code));
  }

  send({ text }: Outgoing): void {
    this.#webSocket.send(text);
  }

  destroy(): void {
    this.#webSocket.terminate();
  }
}
