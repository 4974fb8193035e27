import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { openRedis, whenReady } from "@yonexus/protocol/redis";
import { type WebSocket, WebSocketServer } from "ws";
import { serveCommands } from "./childProcess.ts";

/**
 * What a node is measured beside: the same `ws`, the same Redis client, and nothing else. It answers the n-th text of a
 * connection with the n-th prepared text, and passes on what Redis publishes.
 */
const sockets = new Map<string, WebSocket>();

const commands = {
  /** @param replies the n-th text of a connection is answered with the n-th of these. */
  async listen({ replies }: { replies: readonly string[] }): Promise<{ url: string }> {
    const server = new WebSocketServer({
      host: "127.0.0.1",
      port: 0,
      backlog: 4_096,
      perMessageDeflate: false,
      clientTracking: false,
    });
    server.on("connection", (webSocket, request) => {
      const name = request.url?.slice(1) ?? "";
      let count = 0;
      if (name !== "") sockets.set(name, webSocket);
      webSocket.on("message", () => {
        const reply = replies[count++];
        if (reply !== undefined) webSocket.send(reply);
      });
      webSocket.on("close", () => {
        if (sockets.get(name) === webSocket) sockets.delete(name);
      });
      webSocket.on("error", () => undefined);
    });
    await once(server, "listening");
    return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
  },
  /** Passes `name\ntext` of the channel to the connection that came to the path /name. */
  async passOn({ redisUrl, channel }: { redisUrl: string; channel: string }): Promise<void> {
    const redis = openRedis(redisUrl, "subscriber");
    redis.on("error", () => undefined);
    await whenReady(redis);
    redis.on("message", (_channel, text) => {
      const end = text.indexOf("\n");
      sockets.get(text.slice(0, end))?.send(text.slice(end + 1));
    });
    await redis.subscribe(channel);
  },
  /** Frees what can be freed, and gives it back. Needs --expose-gc. */
  collectGarbage(): void {
    globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  },
};
export type BareCommands = typeof commands;

serveCommands(commands);
