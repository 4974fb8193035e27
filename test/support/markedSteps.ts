import type { NextSteps } from "@yonexus/protocol/operator";

/** Next steps of no program in particular, in angle brackets: where a text has them, and what it asked for. */
export const markedSteps: NextSteps = {
  allow: (identifier) => `<allow ${identifier}>`,
  allowAgain: (identifier) => `<allow ${identifier} again>`,
  allowNote: (identifier) => `<note: allow ${identifier}>`,
  listPairings: () => "<list pairings>",
  shutOut: (identifier) => `<shut out ${identifier}>`,
  queue: () => "<queue>",
  keepLonger: () => "<keep longer>",
  chooseMessageId: () => "<choose an id>",
  lookAtMessage: (identifier, messageId) => `<look at ${messageId} of ${identifier}>`,
  findDeadLetter: (place) => `<find it, ${placeText(place)}>`,
  deadLettersNote: (place) => `<note: dead letters, ${placeText(place)}>`,
  lookAtDeadLetters: () => "<look at dead letters>",
  setting: (name) => `<${name}>`,
};

function placeText(place: Parameters<NextSteps["findDeadLetter"]>[0]): string {
  return place.kind === "rule" ? `rule ${place.rule}` : `follower ${place.identifier}`;
}
