/** Called with the value of an event. What it returns is ignored, but a promise that rejects is reported. */
export type Listener<Value> = (value: Value) => unknown;

/**
 * Listeners by event. One that throws (or whose promise rejects) disturbs neither the other listeners nor the connection:
 * it is reported through `onFailure`.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();
  readonly #onFailure: (name: string, error: unknown) => void;

  constructor(onFailure: (name: string, error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Returns what removes the listener. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // Each registration is its own, so that removing one leaves the same function registered elsewhere alone.
    const registered: Listener<Events[Name]> = (value) => listener(value);
    listeners.add(registered);
    return () => listeners.delete(registered);
  }

  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])] as Listener<Events[Name]>[]) {
      try {
        const result = listener(value);
        if (result instanceof Promise) result.catch((error: unknown) => this.#onFailure(String(name), error));
      } catch (error) {
        this.#onFailure(String(name), error);
      }
    }
  }
}
