import { connect, type Socket } from "node:net";
import { addressOf } from "./followerProtocol.ts";
import { deliverySubject } from "./natsFollower.ts";
import { NatsReader } from "./natsReader.ts";

const STREAM = "queued";
const STREAM_SUBJECTS = "queued.";

/** A NATS client that only sends. What is sent in one tick shares one write. */
export class NatsSender {
  readonly #socket: Socket;
  readonly #reader: NatsReader;
  readonly #inbox = `inbox.${process.pid}`;
  /** In the order of the PINGs that were sent. */
  readonly #pings: (() => void)[] = [];
  readonly #replies = new Map<string, (payload: string) => void>();
  #replyCount = 0;
  #pending: string[] = [];
  #flushed: Promise<void> | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#reader = new NatsReader(
      ({ subject, payload }) => {
        this.#replies.get(subject)?.(payload);
        this.#replies.delete(subject);
      },
      (line) => {
        if (line === "PONG") this.#pings.shift()?.();
        else if (line === "PING") socket.write("PONG\r\n");
        else if (line.startsWith("-ERR")) throw new Error(`The NATS server says: ${line}`);
      },
    );
    socket.on("data", (chunk) => this.#reader.read(chunk));
  }

  static async open(port: number): Promise<NatsSender> {
    const sender = new NatsSender(connect({ host: "127.0.0.1", port, noDelay: true }));
    sender.#pending.push(`CONNECT {"verbose":false,"pedantic":false}\r\nSUB ${sender.#inbox}.* 1\r\n`);
    await sender.#flush();
    return sender;
  }

  /** Resolves when the server has read the message: there is no answer to the message itself. */
  async publish(follower: number, text: string): Promise<string> {
    this.#pending.push(`PUB ${addressOf(follower)} ${text.length}\r\n${text}\r\n`);
    await this.#flush();
    return "published";
  }

  /** A stream on disk, with a consumer that acknowledges each message for every follower. */
  async makeQueues(followers: number): Promise<void> {
    const stream = { name: STREAM, subjects: [`${STREAM_SUBJECTS}>`], retention: "workqueue", storage: "file" };
    await this.#request(`$JS.API.STREAM.CREATE.${STREAM}`, JSON.stringify(stream));
    for (let index = 0; index < followers; index++) {
      const durableName = addressOf(index);
      const config = {
        durable_name: durableName,
        deliver_subject: deliverySubject(index),
        filter_subject: `${STREAM_SUBJECTS}${durableName}`,
        ack_policy: "explicit",
        deliver_policy: "all",
        max_ack_pending: 64,
      };
      const asked = JSON.stringify({ stream_name: STREAM, config });
      await this.#request(`$JS.API.CONSUMER.DURABLE.CREATE.${STREAM}.${durableName}`, asked);
    }
  }

  /** Resolves when JetStream has stored the message. */
  async enqueue(follower: number, text: string): Promise<string> {
    await this.#request(`${STREAM_SUBJECTS}${addressOf(follower)}`, text);
    return "stored";
  }

  async #request(subject: string, payload: string): Promise<void> {
    const replyTo = `${this.#inbox}.${this.#replyCount++}`;
    const answered = new Promise<string>((resolve) => this.#replies.set(replyTo, resolve));
    this.#pending.push(`PUB ${subject} ${replyTo} ${payload.length}\r\n${payload}\r\n`);
    void this.#flush();
    const answer = await answered;
    if (answer.includes(`"error"`)) throw new Error(`JetStream refused ${subject}: ${answer}`);
  }

  /** Writes what the tick has gathered. Resolves when the server has read it. */
  #flush(): Promise<void> {
    this.#flushed ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#flushed = undefined;
        this.#pings.push(resolve);
        this.#socket.write(`${this.#pending.join("")}PING\r\n`, "latin1");
        this.#pending = [];
      });
    });
    return this.#flushed;
  }
}
