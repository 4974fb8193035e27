import { connect, type Socket } from "node:net";
import type { FollowerSocket, Outgoing, SocketEvents } from "./followerSocket.ts";

/** ws does not unmask what is masked with zeros: a real follower's mask costs the server something. */
const MASK = [0x51, 0x8c, 0x27, 0xe3] as const;
const HEAD_END = Buffer.from("\r\n\r\n");

/** Made ahead, so that masking does not count while something is measured. */
export function outgoing(text: string): Outgoing {
  return { text, frame: frame(0x1, Buffer.from(text, "utf8")) };
}

/** The same for bytes, which only a lean socket sends. */
export function outgoingBytes(bytes: Buffer): Outgoing {
  return { text: "", frame: frame(0x2, bytes) };
}

function frame(opcode: number, payload: Buffer): Buffer {
  const isLong = payload.length > 125;
  const head = Buffer.alloc(isLong ? 8 : 6);
  head[0] = 0x80 | opcode;
  if (isLong) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(payload.length, 2);
  } else {
    head[1] = 0x80 | payload.length;
  }
  head.set(MASK, head.length - 4);
  return Buffer.concat([head, payload.map((byte, index) => byte ^ (MASK[index & 3] ?? 0)) as Buffer]);
}

function payloadLength(bytes: Buffer, position: number, short: number): number {
  if (short === 126) return bytes.readUInt16BE(position + 2);
  // More than 4 GB nobody sends here.
  return short === 127 ? bytes.readUInt32BE(position + 6) : short;
}

/**
 * A WebSocket client that does only what a load generator needs, several times cheaper than a whole one: the generator
 * shares two cores with what it measures. It does not put fragments together: where a server makes some, whoever reads
 * takes the payloads as one stream of bytes.
 */
export class LeanSocket implements FollowerSocket {
  readonly #socket: Socket;
  readonly #events: SocketEvents;
  #rest: Buffer | undefined;
  #isOpen = false;
  #hasEnded = false;
  #refusedStatus: number | undefined;
  #closeCode: number | undefined;

  /** @param url `ws://host:port/path?query`. @param subprotocol of WebSocket, asked for when given. */
  constructor(url: string, events: SocketEvents, subprotocol?: string) {
    this.#events = events;
    const { hostname, port, pathname, search, host } = new URL(url);
    const asked = subprotocol === undefined ? "" : `Sec-WebSocket-Protocol: ${subprotocol}\r\n`;
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.write(
      `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
        `${asked}\r\n`,
    );
    this.#socket.on("data", (chunk) => this.#read(chunk));
    this.#socket.on("error", () => this.#end());
    this.#socket.on("close", () => this.#end());
  }

  send({ frame: bytes }: Outgoing): void {
    this.#socket.write(bytes);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    if (!this.#isOpen) {
      const end = bytes.indexOf(HEAD_END);
      if (end < 0) {
        this.#rest = bytes;
        return;
      }
      const status = Number(bytes.toString("latin1", 9, 12));
      if (status !== 101) {
        this.#refusedStatus = status;
        this.#socket.destroy();
        return;
      }
      this.#isOpen = true;
      bytes = bytes.subarray(end + 4);
      this.#events.onOpen();
    }
    let position = 0;
    while (bytes.length - position >= 2) {
      const opcode = (bytes[position] ?? 0) & 0x0f;
      const short = (bytes[position + 1] ?? 0) & 0x7f;
      const headLength = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (bytes.length - position < headLength) break;
      const start = position + headLength;
      const end = start + payloadLength(bytes, position, short);
      if (bytes.length < end) break;
      this.#onFrame(opcode, bytes.subarray(start, end));
      position = end;
    }
    if (position < bytes.length) this.#rest = bytes.subarray(position);
  }

  #onFrame(opcode: number, payload: Buffer): void {
    if (opcode <= 0x2) this.#events.onPayload(payload);
    else if (opcode === 0x9) this.#socket.write(frame(0xa, payload));
    else if (opcode === 0x8) {
      this.#closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : undefined;
      this.#socket.end(frame(0x8, payload.subarray(0, 2)));
    }
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#socket.destroy();
    this.#events.onEnd(this.#refusedStatus ?? this.#closeCode);
  }
}
