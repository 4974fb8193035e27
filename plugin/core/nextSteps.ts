import { SETTINGS, type SettingName } from "@yonexus/protocol/config";
import type { NextSteps } from "@yonexus/protocol/operator";
import { SHARED_KEYS } from "./configSchema.ts";
import { COMMAND, CONFIG_PLACE } from "./identity.ts";

type DeadLetterPlace = Parameters<NextSteps["findDeadLetter"]>[0];

/** For whoever reads a command's answer. @param prefix how a command is begun there: `/yonexus` or `openclaw yonexus`. */
export function operatorSteps(prefix: string): NextSteps {
  const command = (text: string) => `\`${prefix} ${text}\``;
  return {
    allow: (identifier) => `allow it with ${command(`allowClient ${identifier}`)}`,
    allowAgain: (identifier) => `let it in with ${command(`allowClient ${identifier}`)}`,
    allowNote: (identifier) => command(`allowClient ${identifier}`),
    listPairings: () => `see who waits with ${command("listPairings")}`,
    shutOut: (identifier) => `shut it out with ${command(`revokeClient ${identifier}`)}`,
    queue: () => 'send it with delivery "queued"',
    keepLonger: () => "send it with a longer time to live",
    chooseMessageId: () => "choose another messageId, or leave it out",
    lookAtMessage: (identifier, messageId) => `look with \`yonexus message --follower ${identifier} ${messageId}\``,
    findDeadLetter: (place) => `find it with \`yonexus dead-letters list ${placeOption(place)}\``,
    deadLettersNote: (place) => `yonexus dead-letters list ${placeOption(place)}`,
    lookAtDeadLetters: () => "look at them with `yonexus dead-letters list`",
    setting: settingName,
  };
}

/** For an agent, which has tools and no terminal: what is the operator's to do, it is told to ask for. */
export const TOOL_STEPS: NextSteps = {
  allow: (identifier) => `check the spelling with listClientStatus, or ask the operator to let ${identifier} in`,
  allowAgain: () => "ask the operator to let it in again",
  allowNote: () => "ask the operator",
  listPairings: () => "look with getPairingState",
  shutOut: () => "ask the operator to shut it out",
  queue: () => 'send it with delivery "queued"',
  keepLonger: () => "send it with a longer ttlSeconds",
  chooseMessageId: () => "choose another messageId, or leave it out",
  lookAtMessage: (_identifier, messageId) => `look with getMessageState and the messageId ${JSON.stringify(messageId)}`,
  findDeadLetter: () => "tell the operator",
  deadLettersNote: () => "tell the operator",
  lookAtDeadLetters: () => "tell the operator",
  setting: settingName,
};

/** What the plugin's own configuration has is called by its key there; the rest is the nodes' and coordinators'. */
export function settingName(name: SettingName): string {
  const key = Object.entries(SHARED_KEYS).find(([, shared]) => shared === name)?.[0];
  return key === undefined ? SETTINGS[name].env : `${key} in ${CONFIG_PLACE}`;
}

function placeOption(place: DeadLetterPlace): string {
  return place.kind === "rule" ? `--rule ${place.rule}` : `--follower ${place.identifier}`;
}

/** How this plugin's commands are begun on each surface. */
export const SURFACES = { chat: `/${COMMAND}`, cli: `openclaw ${COMMAND}` } as const;
export type Surface = keyof typeof SURFACES;
