import type { AdminResponse } from "./adminAnswer.ts";
import type { AdminRequest } from "./adminRequest.ts";

export type AdminRoute = (request: AdminRequest) => AdminResponse | Promise<AdminResponse>;
export type AdminMethod = "GET" | "POST";

/** One path, or all that begin so. */
export type AdminPath = string | { readonly prefix: string };

type Handlers = Map<AdminMethod, AdminRoute>;

/** Which handler answers what. An exact path beats a prefix, and of prefixes the longest is taken. */
export class Routes {
  readonly #exact = new Map<string, Handlers>();
  readonly #prefixes = new Map<string, Handlers>();

  /** @throws TypeError when there is a handler for that method and path. */
  add(method: AdminMethod, path: AdminPath, handler: AdminRoute): void {
    const [table, name] = typeof path === "string" ? [this.#exact, path] : [this.#prefixes, path.prefix];
    const handlers: Handlers = table.get(name) ?? new Map();
    if (handlers.has(method)) throw new TypeError(`${method} ${name} has a handler already.`);
    table.set(name, handlers.set(method, handler));
  }

  /** @returns the handler, or the methods there are for that path: none when it is unknown. */
  find(method: string, path: string): AdminRoute | readonly AdminMethod[] {
    const handlers = this.#exact.get(path) ?? this.#byPrefix(path);
    if (handlers === undefined) return [];
    return handlers.get(method as AdminMethod) ?? [...handlers.keys()];
  }

  #byPrefix(path: string): Handlers | undefined {
    const [longest] = [...this.#prefixes.keys()]
      .filter((prefix) => path.startsWith(prefix))
      .sort((one, other) => other.length - one.length);
    return longest === undefined ? undefined : this.#prefixes.get(longest);
  }
}
