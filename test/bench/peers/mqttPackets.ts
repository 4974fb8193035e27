/** Of MQTT 3.1.1, what a benchmark needs. */
export const MQTT = { connack: 2, publish: 3, puback: 4, suback: 9 } as const;

const CONNECT = 0x10;
const PUBLISH = 0x30;
const AT_LEAST_ONCE = 0x02;
const SUBSCRIBE = 0x82;
const CLEAN_SESSION = 0x02;
const LEVEL_3_1_1 = 4;

/** Without a keep-alive. */
export function mqttConnect(clientId: string): Buffer {
  const head = Buffer.concat([text("MQTT"), Buffer.from([LEVEL_3_1_1, CLEAN_SESSION, 0, 0])]);
  return packet(CONNECT, head, text(clientId));
}

/** At most once. */
export function mqttSubscribe(topic: string): Buffer {
  return packet(SUBSCRIBE, Buffer.from([0, 1]), text(topic), Buffer.from([0]));
}

/** At least once: answered with a PUBACK of that id. */
export function mqttPublish(topic: string, packetId: number, payload: string): Buffer {
  return packet(
    PUBLISH | AT_LEAST_ONCE,
    text(topic),
    Buffer.from([packetId >> 8, packetId & 0xff]),
    Buffer.from(payload, "latin1"),
  );
}

/** What a PUBLISH that was sent at most once carries. */
export function mqttPayload(body: Buffer): string {
  return body.toString("latin1", 2 + body.readUInt16BE(0));
}

function packet(first: number, ...parts: readonly Buffer[]): Buffer {
  let length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = [first];
  do {
    head.push((length & 0x7f) | (length > 0x7f ? 0x80 : 0));
    length >>= 7;
  } while (length > 0);
  return Buffer.concat([Buffer.from(head), ...parts]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "utf8");
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** Takes the packets out of what an MQTT server sends, however it is cut. */
export class MqttReader {
  readonly #onPacket: (type: number, body: Buffer) => void;
  #rest: Buffer | undefined;

  /** @param onPacket gets the type, and what follows the packet's length. */
  constructor(onPacket: (type: number, body: Buffer) => void) {
    this.#onPacket = onPacket;
  }

  read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let position = 0;
    for (;;) {
      let length = 0;
      let start = position + 1;
      let shift = 0;
      while ((bytes[start] ?? 0) >= 0x80) {
        length |= ((bytes[start] ?? 0) & 0x7f) << shift;
        shift += 7;
        start += 1;
      }
      if (start >= bytes.length) break;
      length |= (bytes[start] ?? 0) << shift;
      start += 1;
      if (bytes.length < start + length) break;
      const first = bytes[position] ?? 0;
      position = start + length;
      this.#onPacket(first >> 4, bytes.subarray(start, position));
    }
    this.#rest = position < bytes.length ? bytes.subarray(position) : undefined;
  }
}
