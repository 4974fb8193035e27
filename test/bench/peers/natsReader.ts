const LINE_END = "\r\n";

export interface NatsMessage {
  readonly subject: string;
  /** Where an answer goes, when one is wanted. */
  readonly replyTo: string | undefined;
  readonly payload: string;
}

/** Takes the messages and the other lines out of what a NATS server sends, however it is cut. Texts must be latin1. */
export class NatsReader {
  readonly #onMessage: (message: NatsMessage) => void;
  readonly #onLine: (line: string) => void;
  #rest = "";

  constructor(onMessage: (message: NatsMessage) => void, onLine: (line: string) => void) {
    this.#onMessage = onMessage;
    this.#onLine = onLine;
  }

  read(chunk: Buffer): void {
    const text = this.#rest + chunk.toString("latin1");
    let position = 0;
    for (;;) {
      const lineEnd = text.indexOf(LINE_END, position);
      if (lineEnd < 0) break;
      const line = text.slice(position, lineEnd);
      const start = lineEnd + LINE_END.length;
      if (line.startsWith("MSG ")) {
        // MSG <subject> <subscription> [reply to] <length>
        const words = line.split(" ");
        const end = start + Number(words.at(-1));
        if (text.length < end + LINE_END.length) break;
        position = end + LINE_END.length;
        this.#onMessage({
          subject: words[1] ?? "",
          replyTo: words.length === 5 ? words[3] : undefined,
          payload: text.slice(start, end),
        });
      } else {
        position = start;
        this.#onLine(line);
      }
    }
    this.#rest = text.slice(position);
  }
}
