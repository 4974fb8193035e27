import type { SettingName } from "../config/index.ts";
import type { DeadLetterPlace } from "../redis/index.ts";

/**
 * How the reader of a text does what it tells to do next: by a command of a terminal or a chat, or by a tool of an agent.
 * The texts are the same for all of them and name no command; whoever prints one hands this in.
 *
 * A clause is an imperative without a capital and without an end, which goes anywhere in a sentence: `allow it with …`. A
 * note stands by itself after a colon in a line of facts, where there is room for the command alone.
 */
export interface NextSteps {
  /** A clause: to let in a follower that nobody knows. */
  readonly allow: (identifier: string) => string;
  /** A clause: to let in a follower that was taken off the allowlist. */
  readonly allowAgain: (identifier: string) => string;
  /** A note: to let in a follower. */
  readonly allowNote: (identifier: string) => string;
  /** A clause: to see which pairings wait. */
  readonly listPairings: () => string;
  /** A clause: to shut a follower out. */
  readonly shutOut: (identifier: string) => string;
  /** A clause: to send a message so that it is kept until the follower has it. */
  readonly queue: () => string;
  /** A clause: to send an expired message so that it is kept for longer. */
  readonly keepLonger: () => string;
  /** A clause: to send a message whose id names another one already. */
  readonly chooseMessageId: () => string;
  /** A clause: to see how far a message got. */
  readonly lookAtMessage: (identifier: string, messageId: string) => string;
  /** A clause: to find a message among the dead letters of a place. */
  readonly findDeadLetter: (place: DeadLetterPlace) => string;
  /** A note: to see the dead letters of a place. */
  readonly deadLettersNote: (place: DeadLetterPlace) => string;
  /** A clause: to look at the dead letters of all places. */
  readonly lookAtDeadLetters: () => string;
  /** What the reader calls a setting where it is set: `YONEXUS_KEY_PREFIX`. */
  readonly setting: (name: SettingName) => string;
}

/** A clause as the beginning of a sentence. */
export function beginSentence(clause: string): string {
  return `${clause.charAt(0).toUpperCase()}${clause.slice(1)}`;
}
