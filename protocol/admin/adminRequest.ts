import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { AdminError } from "./adminError.ts";
import type { SourceAddresses } from "./sourceAddress.ts";

export interface AdminRequest {
  readonly method: string;
  /** Path and query are the asker's; scheme and host are not known here and mean nothing. */
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  /** Where it comes from: of one that a trusted proxy passed on, the client that the proxy names. */
  readonly address: string;
  /** The same as limits count it: of IPv6 the network, since one customer has all of it. */
  readonly counted: string;
  /**
   * Reads the whole body. May be called once.
   * @throws AdminError 413 when it has more bytes than that, 400 when it breaks off
   */
  body(maxBytes: number): Promise<Buffer>;
}

/** @returns nothing when the request's target is not a path. */
export function adminRequest(message: IncomingMessage, addresses: SourceAddresses): AdminRequest | undefined {
  const target = message.url ?? "";
  const text = `http://admin${target}`;
  if (!target.startsWith("/") || !URL.canParse(text)) return undefined;
  return {
    method: message.method === "HEAD" ? "GET" : (message.method ?? ""),
    url: new URL(text),
    headers: message.headers,
    address: addresses.exactly(message),
    counted: addresses.of(message),
    body: (maxBytes) => readBody(message, maxBytes),
  };
}

/** Reads and forgets the rest of the body. Resolves when there is no more, or when that takes too long. */
export async function discardBody(message: IncomingMessage, timeoutMs: number): Promise<void> {
  if (message.complete || message.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  message.once("end", resolve).once("close", resolve).resume();
  await promise;
  clearTimeout(timer);
}

function readBody(message: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const tooLarge = () => reject(new AdminError(413, `The body is too large: ${maxBytes} bytes at most.`));
  if (Number(message.headers["content-length"] ?? 0) > maxBytes) {
    tooLarge();
    return promise;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  message.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else tooLarge();
  });
  const brokenOff = () => reject(new AdminError(400, "The body broke off."));
  message.once("end", () => resolve(Buffer.concat(chunks)));
  message.once("error", brokenOff).once("close", brokenOff);
  return promise;
}
