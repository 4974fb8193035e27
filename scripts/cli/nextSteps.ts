import { SETTINGS } from "@yonexus/protocol/config";
import { type NextSteps, plainText } from "@yonexus/protocol/operator";
import type { DeadLetterPlace } from "@yonexus/protocol/redis";
import { shellWord } from "./shellWord.ts";

/** What to do next, by the `yonexus` command and the environment. */
export const nextSteps: NextSteps = {
  allow: (identifier) => `allow it with \`${allowCommand(identifier)}\``,
  allowAgain: (identifier) => `let it in with \`${allowCommand(identifier)}\``,
  allowNote: allowCommand,
  listPairings: () => "see who waits with `yonexus pairings`",
  shutOut: (identifier) => `shut it out with \`yonexus revoke ${identifier}\``,
  queue: () => "add --queue",
  keepLonger: () => "send it with a longer --ttl",
  chooseMessageId: () => "choose another --id, or leave it out",
  lookAtMessage: (identifier, messageId) => {
    // An id may begin like an option.
    const id = messageId.startsWith("-") ? `-- ${messageId}` : messageId;
    return `look with \`yonexus message --follower ${identifier} ${id}\``;
  },
  findDeadLetter: (place) => `find it with \`${deadLettersCommand(place)}\``,
  deadLettersNote: deadLettersCommand,
  lookAtDeadLetters: () => "look at them with `yonexus dead-letters list`",
  setting: (name) => SETTINGS[name].env,
};

function allowCommand(identifier: string): string {
  return `yonexus allow add ${identifier}`;
}

function deadLettersCommand(place: DeadLetterPlace): string {
  const of = place.kind === "rule" ? `--rule ${shellWord(plainText(place.rule))}` : `--follower ${place.identifier}`;
  return `yonexus dead-letters list ${of}`;
}
