import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface RecordedRequest {
  /** performance.now() when it was there in full (ms). */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The parsed JSON body; undefined when it was none. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

export interface RecordedReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, unless it is text. */
  readonly body?: unknown;
}

/** What to answer a request with; `usual` for what Discord answers when all is well, `hang` for no answer at all. */
type Answer = RecordedReply | "usual" | "hang";
type Answering = (request: RecordedRequest) => Answer;

/** Discord's REST API as a bot sees it: it takes everything, unless told otherwise, and keeps what it was sent. */
export interface DiscordRecorder {
  /** For YONEXUS_DISCORD_API_URL. */
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
  /** A function, or one answer for each request to come and the usual one after the last. */
  respondWith(answers: Answering | readonly Answer[]): void;
  /** The texts that were posted, each nonce once, as Discord does with `enforce_nonce`. */
  messages(): string[];
  /** The last pairing code posted for each identifier. */
  codes(): Map<string, string>;
  /** What a press of a button of the last message about that follower sends: by the button's label. */
  buttons(identifier: string): Map<string, string>;
  stop(): Promise<void>;
}

const MESSAGES_PATH = /^\/channels\/\d+\/messages$/;

export async function startDiscordRecorder(): Promise<DiscordRecorder> {
  const requests: RecordedRequest[] = [];
  const posted = new Map<string, string>();
  const buttons = new Map<string, Map<string, string>>();
  let answering: Answering = () => "usual";
  const server = createServer((incoming, response) => {
    void readText(incoming).then((text) => {
      const request = {
        at: performance.now(),
        method: incoming.method ?? "",
        path: incoming.url ?? "",
        headers: incoming.headers,
        body: parseObject(text),
      };
      requests.push(request);
      const answer = answering(request);
      if (answer === "hang") return;
      const reply = answer === "usual" ? usualReply(request) : answer;
      if (reply.status < 300 && MESSAGES_PATH.test(request.path)) {
        const nonce = request.body?.enforce_nonce === true ? String(request.body.nonce) : `#${requests.length}`;
        if (!posted.has(nonce)) posted.set(nonce, String(request.body?.content));
        const identifier = FOLLOWER.exec(String(request.body?.content))?.[1];
        if (identifier !== undefined) buttons.set(identifier, buttonsIn(request.body?.components));
      }
      send(response, reply);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    respondWith: (answers) => {
      if (typeof answers === "function") {
        answering = answers;
        return;
      }
      const script = [...answers];
      answering = () => script.shift() ?? "usual";
    },
    messages: () => [...posted.values()],
    codes: () => new Map([...posted.values()].flatMap(codeIn)),
    buttons: (identifier) => buttons.get(identifier) ?? new Map(),
    stop: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function usualReply({ method, path, body }: RecordedRequest): RecordedReply {
  if (method === "POST" && path === "/users/@me/channels") return { status: 200, body: { id: "90001", type: 1 } };
  if (method === "POST" && MESSAGES_PATH.test(path)) {
    return { status: 200, body: { id: "70001", content: body?.content, nonce: body?.nonce } };
  }
  return { status: 404, body: { code: 0, message: "404: Not Found" } };
}

const FOLLOWER = /^Follower: `(.+)`$/m;

/** The labels of a message's buttons, each with its custom id. */
function buttonsIn(components: unknown): Map<string, string> {
  const rows = (Array.isArray(components) ? components : []) as { readonly components: readonly object[] }[];
  const found = rows.flatMap((row) => row.components) as { readonly label: string; readonly custom_id: string }[];
  return new Map(found.map((button) => [button.label, button.custom_id]));
}

/** The code is the line that is a code span and nothing else. */
function codeIn(content: string): [string, string][] {
  const identifier = FOLLOWER.exec(content)?.[1];
  const code = /^`([0-9A-Z]{4}-[0-9A-Z]{4})`$/m.exec(content)?.[1];
  return identifier === undefined || code === undefined ? [] : [[identifier, code]];
}

async function readText(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, { status, headers, body }: RecordedReply): void {
  const text = typeof body === "string" ? body : JSON.stringify(body ?? {});
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(text);
}
