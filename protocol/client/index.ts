/** The follower's side of the protocol as a library: connect, pair, authenticate, heartbeat, reconnect, send, receive. */
export type { Backoff } from "./backoff.ts";
export type { FollowerClock } from "./clock.ts";
export type { Listener } from "./emitter.ts";
export * from "./errors.ts";
export { createFollower, type Follower } from "./follower.ts";
export type { CodeNeeded, FollowerEventName, FollowerEvents } from "./followerEvents.ts";
export type { FollowerOptions } from "./followerOptions.ts";
export type { FollowerPhase, FollowerState } from "./followerState.ts";
export { createMemoryState, type MemoryState } from "./memoryState.ts";
export { type FollowerStateStore, type HandledIdStore, newSavedState, type SavedState } from "./savedState.ts";
export type { SendOptions, SendResult } from "./sendResult.ts";
export { createStateFile } from "./stateFile.ts";
export type { StopCode } from "./stopReasons.ts";
