import { compileEnvelope } from "./envelope.ts";
import { FOLLOWER_MESSAGES, NODE_MESSAGES } from "./messages.ts";

export const followerEnvelope = compileEnvelope(FOLLOWER_MESSAGES);
export const nodeEnvelope = compileEnvelope(NODE_MESSAGES);
