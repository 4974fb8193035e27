/** Runs a task now and then: the next pause begins when the run has ended, so that runs never overlap. */
export class Repeater {
  readonly #everyMs: number;
  readonly #task: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(everyMs: number, task: () => Promise<void>, onError: (error: unknown) => void) {
    this.#everyMs = everyMs;
    this.#task = task;
    this.#onError = onError;
  }

  start(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#run();
    }, this.#everyMs);
  }

  /** No run begins after this; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      await this.#task();
    } catch (error) {
      this.#onError(error);
    }
    this.start();
  }
}
