import { connect, type Socket } from "node:net";
import { addressOf } from "./followerProtocol.ts";
import { MQTT, MqttReader, mqttConnect, mqttPublish } from "./mqttPackets.ts";

const MAX_PACKET_ID = 0xffff;

/** An MQTT client that only sends, at least once to the server. What is sent in one tick shares one write. */
export class MqttSender {
  readonly #socket: Socket;
  readonly #unanswered = new Map<number, () => void>();
  #lastId = 0;
  #pending: Buffer[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(port: number): Promise<MqttSender> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    const sender = new MqttSender(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      const reader = new MqttReader((type, body) => {
        if (type === MQTT.connack) resolve();
        else if (type === MQTT.puback) sender.#answered(body.readUInt16BE(0));
      });
      socket.on("data", (chunk) => reader.read(chunk));
      socket.write(mqttConnect(`sender-${process.pid}`));
    });
    return sender;
  }

  /** Resolves when the server has taken the message over. */
  async publish(follower: number, text: string): Promise<string> {
    this.#lastId = (this.#lastId % MAX_PACKET_ID) + 1;
    const packetId = this.#lastId;
    if (this.#unanswered.has(packetId)) throw new Error(`There are ${MAX_PACKET_ID} unanswered messages.`);
    const answered = new Promise<void>((resolve) => this.#unanswered.set(packetId, resolve));
    if (this.#pending.length === 0) setImmediate(() => this.#flush());
    this.#pending.push(mqttPublish(addressOf(follower), packetId, text));
    await answered;
    return "published";
  }

  #answered(packetId: number): void {
    this.#unanswered.get(packetId)?.();
    this.#unanswered.delete(packetId);
  }

  #flush(): void {
    this.#socket.write(Buffer.concat(this.#pending));
    this.#pending = [];
  }
}
