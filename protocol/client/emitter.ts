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

  /** Whether the event has a listener. */
  has(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  /**
   * Calls the listeners one after the other and waits for each, but for those in `done`, to which it adds each that did not
   * fail. Resolves with whether none failed; never rejects.
   */
  async deliver<Name extends keyof Events>(
    name: Name,
    value: Events[Name],
    done: Set<Listener<Events[Name]>>,
  ): Promise<boolean> {
    let ok = true;
    for (const listener of [...(this.#listeners.get(name) ?? [])] as Listener<Events[Name]>[]) {
      if (done.has(listener)) continue;
      try {
        await listener(value);
        done.add(listener);
      } catch (error) {
        ok = false;
        this.#onFailure(String(name), error);
      }
    }
    return ok;
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
