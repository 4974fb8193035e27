import type { AdminResponse } from "@yonexus/protocol/admin";

/** What Discord asks: whether the endpoint answers, or what a person pressed. All else is `other`. */
export type Interaction = { readonly id: string } & (
  | { readonly kind: "ping" }
  | { readonly kind: "pressed"; readonly userId: string; readonly customId: string }
  | { readonly kind: "other" }
);

/** Discord's numbers: of what is asked, of the answers, and of a message that only its reader sees. */
const ASKED = { ping: 1, component: 3 } as const;
const ANSWER = { pong: 1, message: 4, update: 7 } as const;
const EPHEMERAL = 64;

const SNOWFLAKE = /^\d{1,20}$/u;
type Fields = Readonly<Record<string, unknown>>;

/** Reads a request whose signature is right; undefined when it is none that Discord sends. */
export function parseInteraction(body: Buffer): Interaction | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
  const { id, type, data, user, member } = fieldsOf(parsed);
  if (typeof id !== "string" || !SNOWFLAKE.test(id) || typeof type !== "number") return undefined;
  if (type === ASKED.ping) return { id, kind: "ping" };
  if (type !== ASKED.component) return { id, kind: "other" };
  // In a direct message it is the user, on a server the member.
  const userId = fieldsOf(user).id ?? fieldsOf(fieldsOf(member).user).id;
  const customId = fieldsOf(data).custom_id;
  if (typeof userId !== "string" || typeof customId !== "string") return { id, kind: "other" };
  return { id, kind: "pressed", userId, customId };
}

export function pong(): AdminResponse {
  return answer({ type: ANSWER.pong });
}

/** A sentence that only the person who pressed sees. */
export function whisper(content: string): AdminResponse {
  return answer({ type: ANSWER.message, data: { content, flags: EPHEMERAL, allowed_mentions: { parse: [] } } });
}

/** The message under which it was pressed, anew and without buttons. */
export function replaceMessage(content: string): AdminResponse {
  return answer({ type: ANSWER.update, data: { content, components: [], allowed_mentions: { parse: [] } } });
}

function answer(value: object): AdminResponse {
  return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
