import { STATUS_CODES } from "node:http";

/** What a route answers. The security headers are added to it. */
export interface AdminResponse {
  readonly status: number;
  /** Beside those of every answer. Of those, `content-type`, `content-security-policy` and `cache-control` may be replaced. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** What a route may replace: text that no browser runs, frames or keeps. */
const DEFAULT_HEADERS = {
  "content-type": "text/plain; charset=utf-8",
  "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
};

/** What every answer has, whatever its route says. */
const FIXED_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** All headers of an answer, by lower-case names. */
export function headersOf({ headers = {}, body = "" }: AdminResponse): Record<string, string> {
  const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { ...DEFAULT_HEADERS, ...own, ...FIXED_HEADERS, "content-length": String(Buffer.byteLength(body)) };
}

/** An answer that is one sentence. */
export function sentenceAnswer(status: number, sentence: string, headers: Record<string, string> = {}): AdminResponse {
  return { status, headers, body: `${sentence}\n` };
}

/** A sentence as bytes, for a socket that is no longer, or not yet, under the care of the HTTP server. */
export function rawSentence(status: number, sentence: string): string {
  const answer = sentenceAnswer(status, sentence);
  const lines = Object.entries({ ...headersOf(answer), connection: "close" }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return `${[`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines].join("\r\n")}\r\n\r\n${sentence}\n`;
}
