import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type CloseReason,
  closeCode,
  encodeNodeMessage,
  type FollowerMessage,
  type FollowerMessageOf,
  type NodeMessage,
  parseFollowerFrame,
} from "@yonexus/protocol/wire";
import { type WebSocket, WebSocketServer } from "ws";

/** A real WebSocket server whose part as a node is played by the test, frame by frame. */
export interface WsStub {
  /** `ws://127.0.0.1:port/` */
  readonly url: string;
  /** Connections taken so far. */
  readonly connections: number;
  /** Upgrades asked for so far, taken or not. */
  readonly upgrades: number;
  /** The next connection that no test has taken yet. */
  nextConnection(): Promise<StubConnection>;
  /** Answers the next upgrade with this HTTP status; `undefined` leaves it without an answer. */
  refuseNext(status: number | undefined, headers?: Readonly<Record<string, string>>): void;
  stop(): Promise<void>;
}

export interface StubConnection {
  /** The follower's next frame, which must be this message. */
  read<Name extends FollowerMessage["type"]>(type: Name): Promise<FollowerMessageOf<Name>>;
  /** The follower's next frame as it came. */
  readText(): Promise<string>;
  send(message: NodeMessage): void;
  sendText(text: string): void;
  sendBinary(bytes: Uint8Array): void;
  close(reason: CloseReason | number): void;
  /** Cuts the line without a close frame. */
  cut(): void;
  /** Reads nothing more, not even pings or a close. */
  freeze(): void;
  /** Pings that came so far. Each is answered, as the standard says. */
  readonly pings: number;
  /** Resolves with the code that the follower closed with. */
  readonly closed: Promise<number>;
}

export async function startWsStub(): Promise<WsStub> {
  const http = createServer();
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const arrived = new Line<StubConnection>();
  const refusals: { status: number | undefined; headers: Readonly<Record<string, string>> }[] = [];
  const open = new Set<() => void>();
  let connections = 0;
  let upgrades = 0;

  http.on("upgrade", (request, socket, head) => {
    upgrades += 1;
    open.add(() => socket.destroy());
    const refusal = refusals.shift();
    if (refusal === undefined) {
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        connections += 1;
        arrived.put(stubConnection(webSocket));
      });
    } else if (refusal.status !== undefined) {
      const headers = Object.entries({ connection: "close", ...refusal.headers }).map(
        ([name, value]) => `${name}: ${value}`,
      );
      socket.end([`HTTP/1.1 ${refusal.status} No`, ...headers, "", ""].join("\r\n"));
    }
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;

  return {
    url: `ws://127.0.0.1:${port}/`,
    get connections() {
      return connections;
    },
    get upgrades() {
      return upgrades;
    },
    nextConnection: () => arrived.take("a connection"),
    refuseNext: (status, headers = {}) => void refusals.push({ status, headers }),
    async stop() {
      for (const destroy of open) destroy();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

function stubConnection(socket: WebSocket): StubConnection {
  const frames = new Line<string>();
  socket.on("message", (data) => frames.put(data.toString()));
  socket.on("error", () => undefined);
  let pings = 0;
  socket.on("ping", () => {
    pings += 1;
  });
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  return {
    closed,
    get pings() {
      return pings;
    },
    async read(type) {
      const frame = parseFollowerFrame(await frames.take(type));
      if (frame.kind === "builtin" && isOf(frame.message, type)) return frame.message;
      throw new Error(`expected ${type}, got ${frame.kind === "builtin" ? frame.message.type : frame.kind}`);
    },
    readText: () => frames.take("a frame"),
    send: (message) => socket.send(encodeNodeMessage(message)),
    sendText: (text) => socket.send(text),
    sendBinary: (bytes) => socket.send(bytes),
    close: (reason) => socket.close(typeof reason === "number" ? reason : closeCode(reason)),
    cut: () => socket.terminate(),
    freeze: () => socket.pause(),
  };
}

function isOf<Name extends FollowerMessage["type"]>(
  message: FollowerMessage,
  type: Name,
): message is FollowerMessageOf<Name> {
  return message.type === type;
}

const PATIENCE_MS = 20_000;

/** Things that arrive, and those who wait for them. */
class Line<Thing> {
  readonly #things: Thing[] = [];
  readonly #takers: ((thing: Thing) => void)[] = [];

  put(thing: Thing): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#things.push(thing);
    else taker(thing);
  }

  take(what: string): Promise<Thing> {
    const thing = this.#things.shift();
    if (thing !== undefined) return Promise.resolve(thing);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE_MS);
      this.#takers.push((arrived) => {
        clearTimeout(timer);
        resolve(arrived);
      });
    });
  }
}
