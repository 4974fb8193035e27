import { spawn, spawnSync } from "node:child_process";
import { LAUNCHER } from "./cliProcess.ts";
import { waitFor } from "./waitFor.ts";

export interface TerminalOptions {
  readonly cwd: string;
  /** Added to an environment without any setting of Yonexus. */
  readonly env: NodeJS.ProcessEnv;
  readonly rows?: number;
  readonly columns?: number;
}

/** A `yonexus` command at a terminal of its own: `script` of util-linux is the other end. */
export interface TerminalProcess {
  /** All that the terminal was sent. */
  readonly output: string;
  /** Of the command. */
  readonly pid: number;
  /** Resolves when the text was sent, after so many characters of the output. */
  shows(text: string | RegExp, after?: number): Promise<void>;
  /** As if it was typed. */
  type(text: string): void;
  resize(rows: number, columns: number): void;
  signal(signal: NodeJS.Signals): void;
  /** Takes the terminal away, as closing its window does. */
  hangUp(): void;
  /** How the command ended, and what `stty -a` said of the terminal then. */
  ended(): Promise<{ readonly exitCode: number; readonly modes: string }>;
}

const TIMEOUT_MS = 30_000;

export async function startAtTerminal(
  args: readonly string[],
  { cwd, env, rows = 24, columns = 100 }: TerminalOptions,
): Promise<TerminalProcess> {
  const command = [process.execPath, LAUNCHER, ...args].map((word) => `'${word}'`).join(" ");
  const line = [
    `stty rows ${rows} cols ${columns}`,
    `printf 'tty=%s\\n' "$(tty)"`,
    // The shell gives its place to the command: the number stays.
    `sh -c 'printf "pid=%s\\n" $$; exec "$@"' sh ${command}`,
    "printf 'exit=%s\\n' $?",
    "stty -a",
    "echo all=over",
  ].join("; ");
  const child = spawn("script", ["--quiet", "--flush", "--command", line, "/dev/null"], {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, TERM: "xterm", SHELL: "/bin/sh", ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stdin.on("error", () => {});
  const found = (pattern: RegExp): Promise<string> =>
    waitFor(`${String(pattern)} in ${JSON.stringify(output)}`, () => pattern.exec(output)?.[1], TIMEOUT_MS);
  const tty = await found(/tty=(\S+)\r/u);
  const pid = Number(await found(/pid=(\d+)\r/u));
  return {
    get output() {
      return output;
    },
    pid,
    shows: async (text, after = 0) => {
      await waitFor(
        `the terminal to show ${String(text)}`,
        () => (typeof text === "string" ? output.includes(text, after) : text.test(output.slice(after))),
        TIMEOUT_MS,
      );
    },
    type: (text) => void child.stdin.write(text),
    resize: (newRows, newColumns) => {
      spawnSync("stty", ["-F", tty, "rows", String(newRows), "cols", String(newColumns)]);
    },
    signal: (signal) => void process.kill(pid, signal),
    hangUp: () => void child.kill("SIGKILL"),
    ended: async () => {
      const exitCode = Number(await found(/exit=(\d+)\r/u));
      const modes = await found(/exit=\d+\r\n([\s\S]*)all=over/u);
      child.stdin.end();
      return { exitCode, modes };
    },
  };
}
