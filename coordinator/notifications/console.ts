import { NoticeDeliveryError, type Notifier, type OperatorNotice } from "./notifier.ts";
import { renderJson, renderTerminal } from "./render.ts";

/** What takes the operator's notices: a terminal, or what stands in for one. */
export interface NoticeTerminal {
  /** @param done must be called, with an error when the text was not taken: the notice waits for it. */
  write(text: string, done: (error?: Error | null) => void): unknown;
  /** Why it took no notice, where it is no terminal: a sentence. */
  readonly refusal?: string;
}

const TERMINAL_GONE = "The terminal does not take the notice any more.";

/** Prints notices on the operator's terminal, for a cluster without a bot. Never the log: logs are kept and copied. */
export class ConsoleNotifier implements Notifier {
  readonly #terminal: NoticeTerminal;
  readonly #json: boolean;

  constructor(terminal: NoticeTerminal, json: boolean) {
    this.#terminal = terminal;
    this.#json = json;
  }

  async send(notice: OperatorNotice): Promise<void> {
    const text = this.#json ? renderJson(notice) : renderTerminal(notice);
    await new Promise<void>((resolve, reject) => {
      this.#terminal.write(`${text}\n`, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(new NoticeDeliveryError(this.#terminal.refusal ?? TERMINAL_GONE, {}));
      });
    });
  }
}
