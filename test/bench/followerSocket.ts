/** A text to be sent, and the same as masked frames. */
export interface Outgoing {
  readonly text: string;
  readonly frame: Buffer;
}

export interface SocketEvents {
  /** The WebSocket is open. */
  onOpen(): void;
  /** What a frame held. */
  onPayload(payload: Buffer): void;
  /** The end, once, whoever made it. @param code the status of a refused upgrade, or the close code when there was one. */
  onEnd(code: number | undefined): void;
}

/** What a load generator needs of a WebSocket. */
export interface FollowerSocket {
  send(outgoing: Outgoing): void;
  destroy(): void;
}
