import { once } from "node:events";
import { WebSocket } from "ws";

/** The gateway answered a request with an error. */
class GatewayRpcError extends Error {
  readonly code: string;
  readonly details: unknown;

  constructor(method: string, code: string, message: string, details: unknown) {
    super(`${method} was answered ${code}: ${message}`);
    this.code = code;
    this.details = details;
  }
}

/** What the gateway tells all its clients: `chat`, `health`, `shutdown` and so on. */
export interface GatewayEvent {
  readonly event: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

interface Waiting {
  readonly method: string;
  readonly resolve: (payload: unknown) => void;
  readonly reject: (error: Error) => void;
}

const CONNECT_TIMEOUT_MS = 15_000;

/**
 * The WebSocket of a gateway, spoken as its documentation of the protocol has it: version 4, as the trusted client of the
 * same machine that may leave out a device when it has the token. A call takes milliseconds; the command takes seconds.
 */
export class GatewayRpc {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<string, Waiting>();
  readonly #listeners = new Set<(event: GatewayEvent) => void>();
  #requests = 0;

  /** @throws {Error} when nobody listens, and when the gateway refuses the client (it does while it starts). */
  static async connect(port: number, token: string): Promise<GatewayRpc> {
    const rpc = new GatewayRpc(port);
    try {
      const signal = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
      // Sent by the gateway first; without a device there is nothing to sign in it.
      const challenged = rpc.#nextEvent("connect.challenge", signal);
      await Promise.all([once(rpc.#socket, "open", { signal }), challenged]);
      await rpc.call("connect", {
        minProtocol: 4,
        maxProtocol: 4,
        client: { id: "gateway-client", version: "1", platform: process.platform, mode: "backend" },
        role: "operator",
        scopes: ["operator.admin", "operator.read", "operator.write"],
        caps: [],
        auth: { token },
      });
      return rpc;
    } catch (error) {
      rpc.close();
      throw error;
    }
  }

  private constructor(port: number) {
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}`);
    this.#socket.on("error", () => {});
    this.#socket.on("message", (data) => this.#read(data.toString()));
    this.#socket.on("close", (code, reason) => {
      for (const { method, reject } of this.#waiting.values()) {
        reject(new Error(`The gateway closed the connection (${code} ${reason}) before it answered ${method}.`));
      }
      this.#waiting.clear();
    });
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** @throws {GatewayRpcError} for what the gateway refuses. @throws {Error} when no answer comes in time. */
  async call(method: string, params: unknown = {}, timeoutMs = 30_000): Promise<unknown> {
    if (!this.open) throw new Error(`No connection to the gateway for ${method}.`);
    const id = String(++this.#requests);
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { method, resolve, reject }));
    const timer = setTimeout(
      () => this.#waiting.get(id)?.reject(new Error(`The gateway had not answered ${method} after ${timeoutMs} ms.`)),
      timeoutMs,
    );
    this.#socket.send(JSON.stringify({ type: "req", id, method, params }));
    return answer.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(id);
    });
  }

  /** Returns what takes the listener away again. */
  onEvent(listener: (event: GatewayEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#socket.terminate();
  }

  #nextEvent(name: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const off = this.onEvent(({ event }) => {
        if (event !== name) return;
        off();
        resolve();
      });
      signal.addEventListener("abort", () => reject(new Error(`The gateway sent no ${name}.`)), { once: true });
    });
  }

  #read(text: string): void {
    const frame = JSON.parse(text) as Frame;
    if (frame.type === "event") {
      for (const listener of this.#listeners) listener({ event: frame.event, payload: frame.payload ?? {} });
    } else if (frame.type === "res") {
      const waiting = this.#waiting.get(frame.id);
      if (frame.ok) waiting?.resolve(frame.payload);
      else {
        const { code = "", message = "", details } = frame.error ?? {};
        waiting?.reject(new GatewayRpcError(waiting.method, code, message, details));
      }
    }
  }
}

type Frame =
  | { readonly type: "event"; readonly event: string; readonly payload?: Readonly<Record<string, unknown>> }
  | {
      readonly type: "res";
      readonly id: string;
      readonly ok: boolean;
      readonly payload?: unknown;
      readonly error?: { readonly code?: string; readonly message?: string; readonly details?: unknown };
    };
