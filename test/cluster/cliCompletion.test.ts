import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cli } from "../support/cliProcess.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

const isThere = (program: string): boolean =>
  (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));

/** What stands behind the line in a script of the shell: the candidates are printed one a line. */
const ASK: Readonly<Record<Shell, (script: string, words: readonly string[]) => string>> = {
  bash: (script, words) =>
    `source ${script}; COMP_WORDS=(${words.map(quote).join(" ")}); COMP_CWORD=${words.length - 1}; _yonexus; printf '%s\\n' "\${COMPREPLY[@]}"`,
  // Without a terminal zsh completes nothing: what it would be told is printed instead.
  zsh: (script, words) =>
    [
      "compdef() { : }",
      `compadd() { if [[ $1 == -a ]]; then print -rl -- \${(P)@[-1]}; else print -rl -- \${@:2}; fi }`,
      `_describe() { print -rl -- \${\${(P)@[-1]}%%:*} }`,
      "_files() { print -rl -- *(N) }",
      `source ${script}; words=(${words.map(quote).join(" ")}); CURRENT=${words.length}; _yonexus`,
    ].join("\n"),
  fish: (script, words) => `source ${script}; complete -C ${quote(words.join(" "))} | string replace -r '\\t.*' ''`,
};

function quote(text: string): string {
  return `'${text}'`;
}

describe("yonexus completion", () => {
  const cli = new Cli();
  const bin = join(cli.folder, "bin");
  const askedWith = join(cli.folder, "asked");
  const scripts = new Map<Shell, string>();
  let help = "";

  beforeAll(async () => {
    for (const shell of SHELLS) {
      const { stdout, stderr, exitCode } = await cli.run(["completion", shell]);
      expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
      scripts.set(shell, stdout);
      writeFileSync(join(cli.folder, `completion.${shell}`), stdout);
    }
    help = (await cli.run(["--help"])).stdout;
    mkdirSync(bin);
    // In the place of the command: on a busy machine it takes longer than somebody who pressed Tab waits.
    const found = JSON.stringify([{ identifier: "alpha" }, { identifier: "alpine" }, { identifier: "beta" }]);
    writeFileSync(join(bin, "yonexus"), `#!/bin/sh\necho "$*" >> '${askedWith}'\necho '${found}'\n`, { mode: 0o755 });
  });
  afterAll(() => cli.remove());

  const complete = (shell: Shell, ...words: string[]): string[] => {
    const result = spawnSync(
      shell,
      ["-c", ASK[shell](join(cli.folder, `completion.${shell}`), ["yonexus", ...words])],
      {
        cwd: cli.folder,
        encoding: "utf8",
        env: { PATH: `${bin}${delimiter}${process.env.PATH}`, HOME: cli.folder },
      },
    );
    expect(result.stderr).toBe("");
    const last = words.at(-1) ?? "";
    // zsh chooses among the candidates itself.
    return result.stdout.split("\n").filter((line) => line !== "" && line.startsWith(last));
  };

  it.each(SHELLS)("the script for %s knows every command that help shows, and every option of it", (shell) => {
    const commands = Array.from(help.matchAll(/^ {2}([a-z][a-z-]+) /gmu), (match) => match[1] ?? "");
    expect(commands.length).toBeGreaterThan(15);
    for (const command of commands) expect(scripts.get(shell)).toContain(command);
    for (const option of ["data-dir", "relay-to", "dry-run"]) expect(scripts.get(shell)).toContain(option);
    expect(scripts.get(shell)).not.toContain("embedded");
  });

  // bash is everywhere; the other two are tried where they are installed.
  describe.each(SHELLS.filter((shell) => shell === "bash" || isThere(shell)))("in %s", (shell) => {
    it("commands are completed, and the commands below them", () => {
      expect(complete(shell, "cl")).toEqual(expect.arrayContaining(["client", "clients"]));
      expect(complete(shell, "allow", "")).toEqual(expect.arrayContaining(["add", "remove", "list"]));
      expect(complete(shell, "trust", "ex")).toEqual(["export"]);
    });

    it("options of the command that was typed are completed, and no others", () => {
      const options = complete(shell, "send", "alpha", "--");
      expect(options).toEqual(expect.arrayContaining(["--queue", "--ttl", "--data-dir", "--help"]));
      expect(options).not.toContain("--replace");
      expect(complete(shell, "trust", "import", "--re")).toEqual(["--replace"]);
    });

    it.each([
      [
        ["client", "show", "al"],
        ["alpha", "alpine"],
      ],
      [["send", "b"], ["beta"]],
      [["allow", "remove", "alpha", "b"], ["beta"]],
      [["listen", "chat", "--relay-to", "alph"], ["alpha"]],
      [
        ["client", "--data-dir", "x", "show", "al"],
        ["alpha", "alpine"],
      ],
    ])("followers are completed where one is named: %j", (words, expected) => {
      expect(complete(shell, ...words)).toEqual(expected);
    });

    it("the cluster that the line names is asked for its followers", () => {
      complete(shell, "client", "show", "--data-dir", "elsewhere", "al");
      const asked = readFileSync(askedWith, "utf8").trim().split("\n").at(-1);
      expect(asked).toBe("clients --json --data-dir elsewhere");
    });

    it("values that a command knows are completed, and files where a file is named", () => {
      expect(complete(shell, "completion", "")).toEqual(expect.arrayContaining([...SHELLS]));
      expect(complete(shell, "trust", "import", "comp")).toEqual(
        expect.arrayContaining(SHELLS.map((each) => `completion.${each}`)),
      );
    });

    it("after what stands for itself nothing is proposed", () => {
      expect(complete(shell, "send", "--ttl", "")).toEqual([]);
    });
  });

  it("another shell is refused with those that there are", async () => {
    const result = await cli.run(["completion", "tcsh"]);
    expect(result).toMatchObject({ exitCode: 2, stdout: "" });
    expect(result.stderr).toMatch(/bash, zsh, fish/u);
  });
});
