import type { Bench, Observed } from "./bench.ts";
import type { Child } from "./childProcess.ts";
import type { FollowersCommands, System } from "./followersProcess.ts";
import type { Peer } from "./peers/peerFollowers.ts";
import type { SocketIoAdapter } from "./peers/socketIoProcess.ts";
import type { Sending, Sent } from "./sending.ts";

/** A sender's process and what brings its messages to the followers, all set up. */
export interface RoutedSystem {
  readonly system: System;
  /** As results call it. */
  readonly name: string;
  readonly processes: readonly Observed[];
  /** The outcome of a message that must arrive. */
  readonly taken: string;
  send(sending: Sending): Promise<Sent>;
}

export interface RoutedPair {
  readonly ours: RoutedSystem;
  readonly bare: RoutedSystem;
}

const BARE_CHANNEL = "bare:node";

const SOCKET_IO_ADAPTERS: readonly { readonly adapter: SocketIoAdapter; readonly name: string }[] = [
  { adapter: "redisAdapter", name: "Socket.IO, redis-adapter" },
  { adapter: "shardedAdapter", name: "Socket.IO, sharded adapter" },
  { adapter: "streamsAdapter", name: "Socket.IO, redis-streams-adapter" },
];

/** A node, the bare server beside it, and one sender for both. */
export async function openPair(bench: Bench, followers: Child<FollowersCommands>, count: number): Promise<RoutedPair> {
  const gateway = await bench.startGateway("sender");
  const node = await bench.startNode();
  const bare = await bench.startBare();
  const opening = { from: 0, count, atATime: 16 };
  await followers.call("openSessions", { ...opening, url: node.url });
  await followers.call("openBare", { ...opening, url: bare.url, steps: 1 });
  await bare.child.call("passOn", { redisUrl: bench.redis.url, channel: BARE_CHANNEL });
  const channel = { kind: "channel", channel: BARE_CHANNEL } as const;
  return {
    ours: {
      system: "yonexus",
      name: "Yonexus",
      processes: [gateway, node.child, followers],
      taken: "delivered",
      send: (sending) => gateway.call("send", { ...sending, way: { kind: "live" } }),
    },
    bare: {
      system: "bare",
      name: "bare ws + ioredis",
      processes: [gateway, bare.child, followers],
      taken: "published",
      send: (sending) => gateway.call("send", { ...sending, way: channel }),
    },
  };
}

/** What others made for the same work, as far as it is installed. */
export async function openPeers(
  bench: Bench,
  followers: Child<FollowersCommands>,
  count: number,
): Promise<RoutedSystem[]> {
  const systems: RoutedSystem[] = [];
  const connect = async (peer: Peer, url: string): Promise<void> => {
    const { failed } = await followers.call("openPeer", { peer, url, count });
    if (failed > 0) throw new Error(`${failed} of ${count} followers did not get to ${peer}.`);
  };
  for (const { adapter, name } of SOCKET_IO_ADAPTERS) {
    const [sender, server] = await Promise.all([bench.startSocketIo("sender"), bench.startSocketIo("socket.io")]);
    const asked = { adapter, redisUrl: bench.redis.url };
    await Promise.all([sender.call("open", asked), server.call("open", asked)]);
    const { url } = await server.call("listen");
    await connect(adapter, url);
    systems.push({
      system: adapter,
      name,
      processes: [sender, server, followers],
      taken: "published",
      send: (sending) => sender.call("send", sending),
    });
  }
  for (const program of ["nats-server", "mosquitto"] as const) {
    const broker = await bench.startBroker(program);
    if (broker === undefined) continue;
    const sender = await bench.startBrokerSender();
    const system = program === "mosquitto" ? program : "nats";
    await sender.call(system === "nats" ? "openNats" : "openMqtt", { port: broker.port });
    await connect(system, broker.webSocketUrl);
    systems.push({
      system,
      name: program,
      processes: [sender, broker, followers],
      taken: "published",
      send: (sending) => sender.call("send", { ...sending, to: system }),
    });
  }
  return systems;
}
