import { type FileHandle, open, readFile } from "node:fs/promises";
import { isMessageId } from "../wire/basics.ts";
import { removeTemporaries, writeFileAtomically } from "./atomicFile.ts";
import { MOST_HANDLED_IDS } from "./handledIds.ts";
import type { HandledIdStore } from "./savedState.ts";

/**
 * Keeps the ids of handled messages, one a line under a heading that names the follower. New ones are appended and not
 * forced to the disk: they survive the end of the process, however it ends. A power cut can take the last ones, and what was
 * handled then is handled again if its ack was lost as well.
 *
 * For one writer alone: whoever holds the lock of the state.
 */
export class HandledFile implements HandledIdStore {
  readonly #path: string;
  readonly #heading: string;
  #file: FileHandle | undefined;
  #lines = 0;
  /** Whether the file holds anything that must not be appended to: no heading, or half a line. */
  #damaged = true;

  constructor(path: string, identifier: string) {
    this.#path = path;
    this.#heading = `handled 1 ${identifier}`;
  }

  async load(): Promise<readonly string[]> {
    await removeTemporaries(this.#path);
    const { ids, lines, damaged } = await this.#read();
    this.#lines = lines;
    this.#damaged = damaged;
    return ids;
  }

  async add(id: string): Promise<void> {
    if (this.#damaged || this.#lines >= 2 * MOST_HANDLED_IDS) await this.#compact();
    this.#file ??= await open(this.#path, "a", 0o600);
    try {
      await this.#file.writeFile(`${id}\n`);
      this.#lines += 1;
    } catch (error) {
      // Half a line may have been written, and the next one would be joined to it.
      this.#damaged = true;
      throw error;
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #compact(): Promise<void> {
    const { ids } = await this.#read();
    await this.close();
    await writeFileAtomically(this.#path, [this.#heading, ...ids, ""].join("\n"));
    this.#lines = ids.length;
    this.#damaged = false;
  }

  async #read(): Promise<{ ids: readonly string[]; lines: number; damaged: boolean }> {
    const text = await readFile(this.#path, "utf8").catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
      throw error;
    });
    // What follows the last line feed is empty, or the half of a line that was being written.
    const [heading, ...lines] = text.split("\n");
    const half = lines.pop();
    // Another follower's ids would make messages pass for handled that were not.
    if (heading !== this.#heading || half === undefined) return { ids: [], lines: 0, damaged: true };
    const ids = lines.filter(isMessageId).slice(-MOST_HANDLED_IDS);
    return { ids, lines: lines.length, damaged: half !== "" };
  }
}
