import { parseFollowerFrame } from "@yonexus/protocol/wire";
import { WINDOW } from "./deliveryWindow.ts";
import { TokenBucket } from "./tokenBucket.ts";

/** How most programs begin the frame of an ack. */
const USUAL_ACK = /^builtin::\s*\{\s*"type"\s*:\s*"message_ack"/u;

function isAck(text: string): boolean {
  if (USUAL_ACK.test(text)) return true;
  if (!text.includes('"message_ack"')) return false;
  const frame = parseFollowerFrame(text);
  return frame.kind === "builtin" && frame.message.type === "message_ack";
}

/** More cannot be without an ack. */
const MAX_ACKS_DUE = WINDOW.messages;

/**
 * How fast a follower sends. What is over the rate is refused and told; one that goes on as if nothing had been said, at
 * over twice the rate, is not worth the answers. Time is a parameter (ms, from any steady clock).
 */
export class InboundRate {
  readonly #bucket: TokenBucket;
  readonly #burst: number;
  /** Refused frames, less those that were let through since. */
  #excess = 0;
  /** Acks that the follower was asked for and that it has not sent: each may come beside the rate. */
  #acksDue = 0;

  constructor(ratePerSecond: number, burst: number, now: number) {
    this.#bucket = new TokenBucket(ratePerSecond, burst, now);
    this.#burst = burst;
  }

  /** Whether it is as good as new: there is nothing to remember. */
  isRested(now: number): boolean {
    return this.#excess === 0 && this.#acksDue === 0 && this.#bucket.isFull(now);
  }

  /** A message was sent that asks for an ack. */
  askedForAck(): void {
    this.#acksDue = Math.min(MAX_ACKS_DUE, this.#acksDue + 1);
  }

  /** A frame came. True when it is an ack that is due: it does not count. */
  takeAck(text: string): boolean {
    if (this.#acksDue === 0 || !isAck(text)) return false;
    this.#acksDue -= 1;
    return true;
  }

  /** Counts a frame. */
  count(now: number): "within" | "over" | "farOver" {
    if (this.#bucket.take(now)) {
      this.#excess = Math.max(0, this.#excess - 1);
      return "within";
    }
    this.#excess += 1;
    return this.#excess > this.#burst ? "farOver" : "over";
  }
}
