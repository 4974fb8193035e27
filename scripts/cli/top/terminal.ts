import { emitKeypressEvents } from "node:readline";
import type { ScreenLine, ScreenSize } from "./topScreen.ts";

/** A key as `node:readline` tells it. */
export interface PressedKey {
  readonly name?: string;
  readonly ctrl?: boolean;
  readonly sequence?: string;
}

export interface TerminalPorts {
  readonly onKey: (key: PressedKey) => void;
  readonly onResize: () => void;
  /** The terminal is gone. */
  readonly onGone: () => void;
}

const ESC = "\u001b[";
/** The other screen, no cursor, and no wrapping: a wide character at the edge must not begin a new line. */
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l`;
const LEAVE = `${ESC}0m${ESC}?7h${ESC}?25h${ESC}?1049l`;

const LOOKS: Readonly<Record<ScreenLine["look"], { readonly style: string; readonly colour: string }>> = {
  plain: { style: "", colour: "" },
  title: { style: "1", colour: "" },
  header: { style: "4", colour: "" },
  focused: { style: "7", colour: "" },
  worrying: { style: "1", colour: "33" },
  bad: { style: "1", colour: "31" },
  faint: { style: "2", colour: "" },
};

/** Whether a person looks at a terminal that can be drawn on. */
export function canDraw(env: NodeJS.ProcessEnv = process.env): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true && env.TERM !== "dumb" && env.TERM !== undefined;
}

/** Long enough for the signal that stops this process to come (ms). The time does not run while it is stopped. */
const STOPPED_AFTER_MS = 50;

/** The terminal as a screen to draw on. However the process ends, but by SIGKILL, it is given back as it was. */
export class Terminal {
  readonly #ports: TerminalPorts;
  readonly #colours: boolean;
  #isEntered = false;
  #isOver = false;
  readonly #leave = (): void => this.leave();
  readonly #onKey = (_text: string | undefined, key: PressedKey): void => {
    if (key.ctrl === true && key.name === "z") this.#suspend();
    else this.#ports.onKey(key);
  };
  readonly #onResize = (): void => this.#ports.onResize();
  readonly #onGone = (): void => this.#ports.onGone();

  constructor(ports: TerminalPorts, env: NodeJS.ProcessEnv = process.env) {
    this.#ports = ports;
    this.#colours = (env.NO_COLOR ?? "") === "";
  }

  get size(): ScreenSize {
    return { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 };
  }

  enter(): void {
    if (this.#isEntered || this.#isOver) return;
    this.#isEntered = true;
    // Whatever ends the process passes one of these: a failure nobody caught, before its trace is printed.
    process.on("exit", this.#leave).on("uncaughtExceptionMonitor", this.#leave);
    emitKeypressEvents(process.stdin);
    process.stdin
      .setRawMode(true)
      .on("keypress", this.#onKey)
      .on("end", this.#onGone)
      .on("error", this.#onGone)
      .resume();
    process.stdout.on("resize", this.#onResize).write(ENTER);
  }

  /** Gives the terminal back for good. Writing to one blocks until it is done, so this may be the last thing a process does. */
  leave(): void {
    this.#isOver = true;
    this.#giveBack();
  }

  #giveBack(): void {
    if (!this.#isEntered) return;
    this.#isEntered = false;
    process.off("exit", this.#leave).off("uncaughtExceptionMonitor", this.#leave);
    process.stdout.off("resize", this.#onResize).write(LEAVE);
    const { stdin } = process;
    stdin.off("keypress", this.#onKey).off("end", this.#onGone).off("error", this.#onGone).pause();
    // A terminal that was closed has no mode any more.
    if (!stdin.destroyed) stdin.setRawMode(false);
  }

  draw(lines: readonly ScreenLine[]): void {
    if (!this.#isEntered) return;
    const drawn = lines.map(({ text, look }) => `${this.#styled(text, look)}${ESC}K`).join("\r\n");
    process.stdout.write(`${ESC}H${drawn}${ESC}J`);
  }

  #styled(text: string, look: ScreenLine["look"]): string {
    const { style, colour } = LOOKS[look];
    const codes = [style, this.#colours ? colour : ""].filter((code) => code !== "").join(";");
    return codes === "" ? text : `${ESC}${codes}m${text}${ESC}0m`;
  }

  /**
   * In raw mode Ctrl-Z is a key like others. The whole group stops, as a shell expects it, and goes on here when it is continued; or
   * at once, where no shell is there to continue it and the signal does nothing.
   */
  #suspend(): void {
    this.#giveBack();
    process.kill(0, "SIGTSTP");
    setTimeout(() => {
      this.enter();
      this.#ports.onResize();
    }, STOPPED_AFTER_MS);
  }
}
