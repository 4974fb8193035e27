import type { Exchange } from "../connectionPool.ts";
import type { Outgoing } from "../followerSocket.ts";

/** How the generator's followers talk to one kind of server. */
export interface FollowerProtocol {
  /** Of WebSocket, where the server wants one. */
  readonly subprotocol?: string;
  /** What follows the server's address, with its slash. */
  path(index: number): string;
  /** Until the follower gets its messages. */
  exchange(index: number): Exchange;
  /**
   * Reads all that one connection gets after the exchange.
   * @param take gets the content of each message: what follows `bench::`.
   */
  reader(take: (content: string) => void, send: (outgoing: Outgoing) => void): (payload: Buffer) => void;
}

/** What a message for a follower is addressed to: a room, a subject, a topic. */
export function addressOf(index: number): string {
  return `follower-${index}`;
}
