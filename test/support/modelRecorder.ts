import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a model is asked: the conversation so far, and the tools that it may call. */
export interface ModelRequest {
  /** The texts of all messages, one after the other. */
  readonly text: string;
  readonly tools: readonly string[];
}

/** What the model does: it says something, or calls a tool. */
export type ModelReply = { readonly text: string } | { readonly tool: string; readonly args: object };

/** A model behind the API that most local model servers speak, which does what a test tells it. It keeps what it was asked. */
export interface ModelRecorder {
  /** For OpenClaw's `models.providers.<name>`. */
  readonly provider: object;
  readonly requests: readonly ModelRequest[];
  stop(): Promise<void>;
}

export async function startModelRecorder(reply: (request: ModelRequest) => ModelReply): Promise<ModelRecorder> {
  const requests: ModelRequest[] = [];
  const server = createServer((incoming, response) => {
    void readText(incoming).then((text) => {
      if (incoming.method !== "POST") {
        response
          .writeHead(200, { "content-type": "application/json" })
          .end(JSON.stringify({ object: "list", data: [{ id: "told" }] }));
        return;
      }
      const request = readRequest(text);
      requests.push(request);
      stream(response, reply(request));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    provider: {
      ...{ baseUrl: `http://127.0.0.1:${port}/v1`, apiKey: "none", api: "openai-completions" },
      models: [
        { id: "told", name: "told", reasoning: false, input: ["text"], contextWindow: 196_608, maxTokens: 8_192 },
      ],
    },
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readText(incoming: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of incoming.setEncoding("utf8")) text += String(chunk);
  return text;
}

interface Body {
  readonly messages?: readonly { readonly role: string; readonly content?: unknown }[];
  readonly tools?: readonly { readonly function?: { readonly name?: string } }[];
}

function readRequest(text: string): ModelRequest {
  const { messages = [], tools = [] } = JSON.parse(text) as Body;
  return {
    text: messages.map(({ content }) => textOf(content)).join("\n"),
    tools: tools.flatMap((tool) => tool.function?.name ?? []),
  };
}

/** A message's content is a text, or a list of parts. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) => (typeof part === "object" && part !== null && "text" in part ? String(part.text) : ""))
    .join("\n");
}

function stream(response: ServerResponse, reply: ModelReply): void {
  const delta =
    "tool" in reply
      ? {
          tool_calls: [
            {
              index: 0,
              id: "call_1",
              type: "function",
              function: { name: reply.tool, arguments: JSON.stringify(reply.args) },
            },
          ],
        }
      : { content: reply.text };
  const chunk = (choice: object) =>
    `data: ${JSON.stringify({ id: "told-1", object: "chat.completion.chunk", created: 1, model: "told", choices: [{ index: 0, ...choice }] })}\n\n`;
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(chunk({ delta: { role: "assistant", ...delta }, finish_reason: null }));
  response.write(chunk({ delta: {}, finish_reason: "tool" in reply ? "tool_calls" : "stop" }));
  response.end("data: [DONE]\n\n");
}
