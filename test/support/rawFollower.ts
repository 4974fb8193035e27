import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { EventEmitter, once } from "node:events";
import type { IncomingMessage } from "node:http";
import { keyFingerprint, type NodeMessage, type NodeMessageOf, parseNodeFrame } from "@yonexus/protocol/wire";
import { WebSocket } from "ws";

/** Who a follower is: its name, its key pair, and the shared secret once it is paired. */
export class FollowerIdentity {
  readonly identifier: string;
  /** Base64 of the raw key. */
  readonly publicKey: string;
  readonly fingerprint: string;
  secret: string | undefined;
  readonly #privateKey: KeyObject;

  constructor(identifier: string) {
    this.identifier = identifier;
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
    this.publicKey = raw.toString("base64");
    this.fingerprint = keyFingerprint(raw);
    this.#privateKey = createPrivateKey(privateKey.export({ format: "pem", type: "pkcs8" }));
  }

  /** A proof as protocol version 1 has it, made with node:crypto: nothing of the code under test is in it. */
  prove(changes: Partial<Proof> = {}): Proof & { readonly identifier: string } {
    const nonce = changes.nonce ?? randomBytes(18).toString("base64url");
    const proofTimestamp = changes.proofTimestamp ?? Math.floor(Date.now() / 1000);
    const text = JSON.stringify({ secret: this.secret ?? "", nonce, timestamp: proofTimestamp });
    const signature = changes.signature ?? sign(null, Buffer.from(text), this.#privateKey).toString("base64");
    return { identifier: this.identifier, nonce, proofTimestamp, signature };
  }
}

export interface Proof {
  readonly nonce: string;
  readonly proofTimestamp: number;
  readonly signature: string;
}

export interface RawFollowerOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** False for a peer that never answers a ping. */
  readonly autoPong?: boolean;
  /** What its hello asks for; nothing unless told. */
  readonly capabilities?: readonly string[];
}

/** The node answered the upgrade with an HTTP status. */
export class UpgradeRefused extends Error {
  readonly code = "UPGRADE_REFUSED";
  readonly status: number;
  readonly retryAfter: string | undefined;

  constructor(response: IncomingMessage) {
    super(`The upgrade was answered ${response.statusCode}`);
    this.status = response.statusCode ?? 0;
    this.retryAfter = response.headers["retry-after"];
  }
}

export interface Closing {
  readonly code: number;
  readonly reason: string;
}

const TIMEOUT_MS = 20_000;

/** A follower on a bare socket, of version 1 unless it asks for more: it sends whatever it is told to, right or wrong. */
export class RawFollower {
  /** Every text frame that came, in order. */
  readonly received: string[] = [];
  /** Of the frames that came; undefined for application frames. */
  readonly messages: (NodeMessage | undefined)[] = [];
  closing: Closing | undefined;
  readonly #socket: WebSocket;
  readonly #capabilities: readonly string[] | undefined;
  readonly #reactions = new Map<string, () => void>();
  readonly #changed = new EventEmitter().setMaxListeners(0);
  #read = 0;
  #pings = 0;

  private constructor(socket: WebSocket, capabilities: readonly string[] | undefined) {
    this.#socket = socket;
    this.#capabilities = capabilities;
    socket.on("message", (data: Buffer) => {
      const text = data.toString("utf8");
      const frame = parseNodeFrame(text);
      this.received.push(text);
      this.messages.push(frame.kind === "builtin" ? frame.message : undefined);
      if (frame.kind === "builtin") this.#reactions.get(frame.message.type)?.();
      this.#changed.emit("change");
    });
    socket.on("ping", () => {
      this.#pings += 1;
    });
    socket.on("close", (code, reason) => {
      this.closing = { code, reason: reason.toString("utf8") };
      this.#changed.emit("change");
    });
    // A refused or reset connection shows as its closing.
    socket.on("error", () => {});
  }

  /** @throws UpgradeRefused with the node's HTTP answer. */
  static async open(url: string, options: RawFollowerOptions = {}): Promise<RawFollower> {
    const socket = new WebSocket(url, { autoPong: options.autoPong ?? true, headers: { ...options.headers } });
    const follower = new RawFollower(socket, options.capabilities);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
      socket.once("unexpected-response", (_request, response) => {
        reject(new UpgradeRefused(response));
        response.resume();
        socket.terminate();
      });
    });
    return follower;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** What both sides agreed on at the upgrade. */
  get extensions(): string {
    return this.#socket.extensions;
  }

  get pings(): number {
    return this.#pings;
  }

  /** A frame as it is; a Buffer goes out as a binary frame. */
  send(frame: string | Buffer): void {
    this.#socket.send(frame);
  }

  /** A text frame of any bytes. */
  sendTextBytes(bytes: Buffer): void {
    this.#socket.send(bytes, { binary: false });
  }

  sendBuiltin(type: string, payload: object, requestId?: string): void {
    this.send(`builtin::${JSON.stringify({ type, ...(requestId === undefined ? {} : { requestId }), payload })}`);
  }

  hello(identity: FollowerIdentity, changes: object = {}, requestId?: string): void {
    const { identifier, publicKey, secret } = identity;
    const payload = { identifier, hasSecret: secret !== undefined, hasKeyPair: true, publicKey, protocolVersion: "1" };
    const asked = this.#capabilities === undefined ? {} : { capabilities: this.#capabilities };
    this.sendBuiltin("hello", { ...payload, ...asked, ...changes }, requestId);
  }

  /** A message under a rule that is to be answered. */
  message(id: string, rule: string, content: string, requestId?: string): void {
    this.sendBuiltin("message", { id, rule, content }, requestId);
  }

  /** Answers a queued message. */
  ack(id: string, answer: { status?: "accepted" | "rejected"; reason?: string } = {}, requestId?: string): void {
    this.sendBuiltin("message_ack", { id, ...answer }, requestId);
  }

  /** Done whenever a message of this type comes, before anything that follows it is read from the socket. */
  when(type: NodeMessage["type"], react: () => void): void {
    this.#reactions.set(type, react);
  }

  /** The queued messages that came, in order, read or not. */
  get queued(): NodeMessageOf<"message">["payload"][] {
    return this.messages.flatMap((message) => (message?.type === "message" ? [message.payload] : []));
  }

  /** The next message of this type that nothing read yet; what comes before it is passed over. */
  async next<T extends NodeMessage["type"]>(type: T): Promise<NodeMessageOf<T>> {
    const isWanted = (message: NodeMessage | undefined): message is NodeMessageOf<T> => message?.type === type;
    return this.#await(`a ${type}`, () => {
      for (let index = this.#read; index < this.messages.length; index++) {
        const message = this.messages[index];
        if (!isWanted(message)) continue;
        this.#read = index + 1;
        return message;
      }
      return undefined;
    });
  }

  /** The next application frame that nothing read yet. */
  async nextApplication(): Promise<string> {
    return this.#await("an application frame", () => {
      for (let index = this.#read; index < this.received.length; index++) {
        if (this.messages[index] !== undefined) continue;
        this.#read = index + 1;
        return this.received[index];
      }
      return undefined;
    });
  }

  /** How the connection ended, once it has. */
  async closed(): Promise<Closing> {
    return this.#await("the end of the connection", () => this.closing, false);
  }

  /** Sends hello with a proof after it. */
  async authenticate(identity: FollowerIdentity): Promise<NodeMessageOf<"auth_success">> {
    this.hello(identity);
    await this.next("hello_ack");
    this.sendBuiltin("auth_request", identity.prove());
    return this.next("auth_success");
  }

  /** Relays the code, keeps the secret. */
  async pair(identity: FollowerIdentity, pairingCode: string): Promise<NodeMessageOf<"pair_success">> {
    this.sendBuiltin("pair_confirm", { identifier: identity.identifier, pairingCode });
    const success = await this.next("pair_success");
    identity.secret = success.payload.secret;
    return success;
  }

  heartbeat(identity: FollowerIdentity, requestId?: string): void {
    this.sendBuiltin("heartbeat", { identifier: identity.identifier, status: "alive" }, requestId);
  }

  /** The types of the builtin messages that came, in order. */
  get types(): string[] {
    return this.messages.flatMap((message) => (message === undefined ? [] : [message.type]));
  }

  /** Resolves when the node has read all that was sent. */
  async isRead(): Promise<void> {
    const answered = once(this.#socket, "pong");
    this.#socket.ping();
    await answered;
  }

  /** Reads nothing more from the socket. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** The closing handshake, begun by the follower. */
  async close(): Promise<Closing> {
    this.#socket.close(1000);
    return this.closed();
  }

  /** Without a closing handshake. */
  terminate(): void {
    this.#socket.terminate();
  }

  async #await<T>(what: string, probe: () => T | undefined, orClosed = true): Promise<T> {
    const deadline = AbortSignal.timeout(TIMEOUT_MS);
    for (;;) {
      const found = probe();
      if (found !== undefined) return found;
      const came = `it got ${this.types.join(", ") || "nothing"}`;
      if (orClosed && this.closing !== undefined) {
        throw new Error(`The connection ended with ${this.closing.code} before ${what} came; ${came}`);
      }
      try {
        await once(this.#changed, "change", { signal: deadline });
      } catch {
        throw new Error(`Waited ${TIMEOUT_MS} ms in vain for ${what}; ${came}`);
      }
    }
  }
}
