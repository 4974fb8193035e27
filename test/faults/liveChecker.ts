import type { Handling } from "./history.ts";

/** A live message and what its sender was told. */
export interface LiveMessage {
  readonly follower: string;
  readonly n: number;
  readonly answer: string;
  readonly toldAt: number;
}

/** The link of a follower was cut from one instant to the other (unix ms). */
export interface Outage {
  readonly follower: string;
  readonly from: number;
  readonly to: number;
}

export interface LiveVerdict {
  readonly sent: number;
  readonly delivered: number;
  /** Told that nothing was delivered. */
  readonly refused: number;
  /** Told that nobody knows. */
  readonly unknown: number;
  /** Told as delivered, and in a socket that was cut before the follower had read it. */
  readonly cutOff: number;
  /** Told as delivered and never handled, though nothing was cut. */
  readonly lies: number;
  /** Told as refused, and handled. */
  readonly handledThoughRefused: number;
  readonly handledTwice: number;
}

/** Bytes that the operating system took shortly before a cut may still have been in it. */
const AROUND_CUT_MS = 1_000;
const REFUSED = new Set(["offline", "overloaded"]);

/** Judges what is delivered at most once. */
export function checkLive(
  messages: readonly LiveMessage[],
  handlings: readonly Pick<Handling, "follower" | "n">[],
  outages: readonly Outage[],
): LiveVerdict {
  const handled = new Map<string, number>();
  for (const { follower, n } of handlings) {
    const name = `${follower} ${n}`;
    handled.set(name, (handled.get(name) ?? 0) + 1);
  }
  const isHandled = ({ follower, n }: LiveMessage): boolean => handled.has(`${follower} ${n}`);
  const isNearCut = ({ follower, toldAt }: LiveMessage): boolean =>
    outages.some(
      (outage) =>
        outage.follower === follower && toldAt >= outage.from - AROUND_CUT_MS && toldAt <= outage.to + AROUND_CUT_MS,
    );
  const delivered = messages.filter(({ answer }) => answer === "delivered");
  const refused = messages.filter(({ answer }) => REFUSED.has(answer));
  const missing = delivered.filter((message) => !isHandled(message));
  const cutOff = missing.filter(isNearCut).length;
  return {
    sent: messages.length,
    delivered: delivered.length,
    refused: refused.length,
    unknown: messages.length - delivered.length - refused.length,
    cutOff,
    lies: missing.length - cutOff,
    handledThoughRefused: refused.filter(isHandled).length,
    handledTwice: [...handled.values()].filter((count) => count > 1).length,
  };
}
