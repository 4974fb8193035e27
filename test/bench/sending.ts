import { messageText } from "./arrivals.ts";
import { nowUs } from "./monotonicClock.ts";
import { atRate, inLanes } from "./pace.ts";

/** As many unanswered at a time, or as many a second. */
export type Pace = { readonly atATime: number } | { readonly perSecond: number };

export interface Sending {
  /** The messages 0 to count-1; message n is for the follower n modulo `followers`. */
  readonly count: number;
  readonly followers: number;
  readonly pace: Pace;
}

export interface Sent {
  readonly firstUs: number;
  /** When the last one was answered. */
  readonly lastUs: number;
  /** How many ended how. */
  readonly outcomes: Readonly<Record<string, number>>;
}

/** @param sendOne resolves with how it ended, when the system answered what it was handed. */
export async function sendAll(
  { count, followers, pace }: Sending,
  sendOne: (follower: number, text: string) => Promise<string>,
): Promise<Sent> {
  const outcomes: Record<string, number> = {};
  const send = async (sequence: number, dueUs: number): Promise<void> => {
    const outcome = await sendOne(sequence % followers, messageText(sequence, dueUs));
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  };
  const firstUs = nowUs();
  if ("perSecond" in pace) await atRate(count, pace.perSecond, send);
  else await inLanes(count, pace.atATime, (sequence) => send(sequence, nowUs()));
  return { firstUs, lastUs: nowUs(), outcomes };
}
