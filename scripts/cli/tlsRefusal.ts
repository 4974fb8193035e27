import { connect } from "node:tls";
import type { RedisConnection } from "@yonexus/protocol/redis";

/** A server that refuses says so at once (ms). */
const SAID_WITHIN_MS = 2_000;

/**
 * Why a server closes a TLS connection that the client takes for open. In TLS 1.3 the server looks at the client's certificate last,
 * and whoever has written something by then may find the connection reset before the alert is read: so nothing is written here.
 * @returns undefined when it says nothing, or the connection is none of TLS to one server.
 */
export async function tlsRefusal(redis: RedisConnection): Promise<Error | undefined> {
  const { host, port, tls } = "tls" in redis.options ? redis.options : {};
  if (host === undefined || port === undefined || tls === undefined) return undefined;
  const socket = connect({ host, port, ...tls });
  const { promise, resolve } = Promise.withResolvers<Error | undefined>();
  const timer = setTimeout(resolve, SAID_WITHIN_MS, undefined);
  socket.once("error", resolve).once("close", () => resolve(undefined));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.on("error", () => undefined).destroy();
  }
}
