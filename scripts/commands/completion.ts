import { Argument, type Command } from "commander";
import { print } from "../cli/output.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** @param program with all its commands, by the time that this one runs. */
export function addCompletionCommand(program: Command): void {
  program
    .command("completion")
    .description("a script that completes commands, options and followers in your shell")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .addHelpText(
      "after",
      "\nExample:\n  source <(yonexus completion bash)     # in ~/.bashrc; for zsh in ~/.zshrc, after compinit\n  yonexus completion fish > ~/.config/fish/completions/yonexus.fish",
    )
    .action(async (shell: Shell) => {
      const { readCompletionTree } = await import("../cli/completion/completionTree.ts");
      const tree = readCompletionTree(program);
      switch (shell) {
        case "bash": {
          const { bashCompletion } = await import("../cli/completion/bashCompletion.ts");
          return print(bashCompletion(tree));
        }
        case "zsh": {
          const { zshCompletion } = await import("../cli/completion/zshCompletion.ts");
          return print(zshCompletion(tree));
        }
        case "fish": {
          const { fishCompletion } = await import("../cli/completion/fishCompletion.ts");
          return print(fishCompletion(tree));
        }
      }
    });
}
