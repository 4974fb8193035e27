/** What a connection needs of a socket. */
export interface Transport {
  /** Hands a text frame to the socket. @param onWritten called when the operating system took it, or with why not. */
  send(frame: string, onWritten?: (error?: Error | null) => void): void;
  /** Begins the closing handshake; a peer that does not answer is cut off by `terminate`. */
  close(code: number, reason: string): void;
  terminate(): void;
  ping(): void;
  pause(): void;
  resume(): void;
  /** Bytes that were sent and that the operating system has not taken yet. */
  readonly bufferedAmount: number;
}
