import { generateKeyPairSync, type KeyObject, randomInt, sign } from "node:crypto";

/** What Discord sends; what is left out is as Discord has it when the admin presses now. */
export interface SentInteraction {
  readonly body?: object | string;
  /** When it was signed (unix s). */
  readonly timestamp?: string;
  /** In hexadecimal, in place of the right one. */
  readonly signature?: string;
  /** What is sent in place of the body that was signed. */
  readonly sent?: string;
}

export interface InteractionAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed answer; undefined when it is no JSON. */
  readonly json: { readonly type: number; readonly data?: Readonly<Record<string, unknown>> } | undefined;
}

/** Its clock is ahead by a little (s), so that a machine that is busy has longer to hear of it. */
const AHEAD_S = 3;

/** Discord's side of an application's interactions: signs with the application's key, as Discord does, and posts to its endpoint. */
export class DiscordApp {
  /** For YONEXUS_DISCORD_PUBLIC_KEY. */
  readonly publicKey: string;
  readonly #privateKey: KeyObject;
  readonly #now: () => Promise<number>;

  /** @param now the time of Redis (ms): the clock that the cluster goes by. */
  constructor(now: () => Promise<number>) {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    this.publicKey = publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("hex");
    this.#privateKey = privateKey;
    this.#now = now;
  }

  /** A press of a button in a direct message, as Discord tells of it. */
  press(customId: string, userId: string, changes: object = {}): object {
    return {
      application_id: "900000000000000001",
      id: `1${String(randomInt(2 ** 47)).padStart(18, "0")}`,
      token: "a-token-for-follow-ups",
      type: 3,
      version: 1,
      user: { id: userId, username: "operator" },
      channel_id: "90001",
      data: { custom_id: customId, component_type: 2 },
      message: { id: "70001", content: "**A follower asks to pair**" },
      ...changes,
    };
  }

  ping(): object {
    return { application_id: "900000000000000001", id: `2${String(randomInt(2 ** 47)).padStart(18, "0")}`, type: 1 };
  }

  /** @param adminUrl of a coordinator. */
  async send(adminUrl: string, interaction: SentInteraction): Promise<InteractionAnswer> {
    const { body = {} } = interaction;
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const timestamp = interaction.timestamp ?? String(Math.floor((await this.#now()) / 1000) + AHEAD_S);
    const right = sign(null, Buffer.from(timestamp + text), this.#privateKey).toString("hex");
    return this.post(adminUrl, interaction.sent ?? text, {
      "x-signature-ed25519": interaction.signature ?? right,
      "x-signature-timestamp": timestamp,
    });
  }

  /** Whatever anybody may post there. */
  async post(adminUrl: string, body: string, headers: Readonly<Record<string, string>>): Promise<InteractionAnswer> {
    const response = await fetch(`${adminUrl}/discord/interactions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parse(text) };
  }
}

function parse(text: string): InteractionAnswer["json"] {
  try {
    return JSON.parse(text) as InteractionAnswer["json"];
  } catch {
    return undefined;
  }
}
