import { BENCH_RULE } from "../arrivals.ts";
import { outgoing } from "../leanSocket.ts";
import { addressOf, type FollowerProtocol } from "./followerProtocol.ts";

const HEAD = `42["${BENCH_RULE}","`;
const TAIL = `"]`;
const PING = "2".charCodeAt(0);
const PONG = outgoing("3");

/**
 * Socket.IO 4 over WebSocket alone. The texts of the benchmark need no escaping, so its client may be as lean as the one
 * beside it.
 */
export const socketIoFollower: FollowerProtocol = {
  path: (index) => `/socket.io/?EIO=4&transport=websocket&name=${addressOf(index)}`,
  exchange: () => [{ answer: "0{" }, { outgoing: outgoing("40"), answer: `40{"sid"` }],
  reader: (take, send) => (payload) => {
    if (payload.length > HEAD.length) take(payload.toString("latin1", HEAD.length, payload.length - TAIL.length));
    else if (payload[0] === PING) send(PONG);
  },
};
