import type { FollowerProtocol } from "./followerProtocol.ts";
import { mqttFollower } from "./mqttFollower.ts";
import { jetStreamFollower, natsFollower } from "./natsFollower.ts";
import { socketIoFollower } from "./socketIoFollower.ts";

/** The systems that ours is measured beside, by how their followers talk. */
export const PEER_FOLLOWERS = {
  redisAdapter: socketIoFollower,
  shardedAdapter: socketIoFollower,
  streamsAdapter: socketIoFollower,
  nats: natsFollower,
  jetStream: jetStreamFollower,
  mosquitto: mqttFollower,
} satisfies Readonly<Record<string, FollowerProtocol>>;

export type Peer = keyof typeof PEER_FOLLOWERS;
