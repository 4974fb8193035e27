import { type AnswerBody, readBody } from "./answerBody.ts";
import { type DeliveryFailure, NoticeDeliveryError, type Notifier, type OperatorNotice } from "./notifier.ts";
import { pairingButtons } from "./pairingButtons.ts";
import { renderMessage } from "./render.ts";

export interface DiscordOptions {
  /** Where the API is, with its version. */
  readonly apiUrl: string;
  readonly botToken: string;
  /** The user the notices go to. */
  readonly adminUserId: string;
  /** How long one request may take (ms). */
  readonly timeoutMs: number;
  /** Whether Approve and Deny stand under the notice of a pairing: somebody must answer when they are pressed. */
  readonly buttons: boolean;
  /** Ends the request that is under way. */
  readonly signal: AbortSignal;
}

/** Discord's flag for a message whose links show no preview. */
const SUPPRESS_EMBEDS = 4;

/** Sends notices as direct messages of a bot. One user, so one conversation: its id is kept. */
export class DiscordNotifier implements Notifier {
  readonly #options: DiscordOptions;
  readonly #apiUrl: string;
  #channelId: string | undefined;

  constructor(options: DiscordOptions) {
    this.#options = options;
    this.#apiUrl = options.apiUrl.replace(/\/+$/u, "");
  }

  async send(notice: OperatorNotice): Promise<void> {
    const components = this.#options.buttons && notice.kind === "pairing" ? pairingButtons(notice.pairing) : [];
    const message = {
      content: renderMessage(notice, components.length > 0),
      ...(components.length > 0 ? { components } : {}),
      // The same for every try: when the answer to a message that arrived was lost, Discord does not post it again.
      nonce: notice.id,
      enforce_nonce: true,
      allowed_mentions: { parse: [] },
      flags: SUPPRESS_EMBEDS,
    };
    const kept = this.#channelId;
    if (kept !== undefined) {
      try {
        await this.#post(`/channels/${kept}/messages`, message);
        return;
      } catch (error) {
        // A conversation that is gone can be opened again; any other refusal stands.
        if (!(error instanceof NoticeDeliveryError) || error.failure.status !== 404) throw error;
        this.#channelId = undefined;
      }
    }
    const channelId = await this.#openConversation();
    await this.#post(`/channels/${channelId}/messages`, message);
    this.#channelId = channelId;
  }

  async #openConversation(): Promise<string> {
    const { value } = await this.#post("/users/@me/channels", { recipient_id: this.#options.adminUserId });
    const id = value?.id;
    // It becomes a part of a path.
    if (typeof id === "string" && /^\d{1,32}$/u.test(id)) return id;
    throw new NoticeDeliveryError("Discord's answer to opening the conversation names none.", {});
  }

  async #post(path: string, body: object): Promise<AnswerBody> {
    const signal = AbortSignal.any([this.#options.signal, AbortSignal.timeout(this.#options.timeoutMs)]);
    let response: Response;
    let answer: AnswerBody;
    try {
      response = await fetch(`${this.#apiUrl}${path}`, {
        method: "POST",
        headers: {
          authorization: `Bot ${this.#options.botToken}`,
          "content-type": "application/json",
          "user-agent": "DiscordBot (Yonexus.Server, 1)",
        },
        body: JSON.stringify(body),
        // A redirect would carry the code to wherever it points.
        redirect: "manual",
        signal,
      });
      answer = await readBody(response);
    } catch (error) {
      // No cause: what fetch says of a request may name its headers.
      throw new NoticeDeliveryError(`Discord did not answer: ${failureWord(error)}.`, {});
    }
    if (response.ok) return answer;
    throw refusal(response, answer);
  }
}

function refusal(response: Response, { value }: AnswerBody): NoticeDeliveryError {
  const discordCode = typeof value?.code === "number" && Number.isInteger(value.code) ? value.code : undefined;
  const retryAfterMs = retryAfter(value?.retry_after, response.headers.get("retry-after"));
  const failure: DeliveryFailure = {
    status: response.status,
    ...(discordCode === undefined ? {} : { discordCode }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  const code = discordCode === undefined ? "" : ` (code ${discordCode})`;
  const wait = retryAfterMs === undefined ? "" : `, and asks to wait ${Math.ceil(retryAfterMs / 1000)} s`;
  return new NoticeDeliveryError(`Discord answered ${response.status}${code}${wait}.`, failure);
}

/** In ms. The body has seconds with a fraction; a proxy in front of Discord sends the header alone. */
function retryAfter(inBody: unknown, inHeader: string | null): number | undefined {
  for (const candidate of [inBody, inHeader]) {
    if (candidate === null || candidate === undefined || candidate === "") continue;
    const seconds = Number(candidate);
    if (Number.isFinite(seconds) && seconds >= 0) return seconds * 1000;
  }
  return undefined;
}

/** A word for why a request got no answer; of the errors' own texts nothing is used. */
function failureWord(error: unknown): string {
  if (!(error instanceof Error)) return "the request failed";
  if (error.name === "TimeoutError") return "it took too long";
  if (error.name === "AbortError") return "this process stops";
  const cause: unknown = error.cause;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return typeof code === "string" && /^[A-Z_]{1,40}$/u.test(code) ? code : "the request failed";
}
