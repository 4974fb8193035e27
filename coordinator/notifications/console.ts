import { NoticeDeliveryError, type Notifier, type OperatorNotice } from "./notifier.ts";
import { renderJson, renderTerminal } from "./render.ts";

/** Prints notices on the operator's terminal, for a cluster without a bot. Never the log: logs are kept and copied. */
export class ConsoleNotifier implements Notifier {
  readonly #terminal: NodeJS.WritableStream;
  readonly #json: boolean;

  constructor(terminal: NodeJS.WritableStream, json: boolean) {
    this.#terminal = terminal;
    this.#json = json;
  }

  async send(notice: OperatorNotice): Promise<void> {
    const text = this.#json ? renderJson(notice) : renderTerminal(notice);
    await new Promise<void>((resolve, reject) => {
      this.#terminal.write(`${text}\n`, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(new NoticeDeliveryError("The terminal does not take the notice any more.", {}));
      });
    });
  }
}
