import type { Completed, CompletedCommand } from "./completionTree.ts";
import { quoted } from "./shellQuote.ts";

/** A word for what is completed, which the shells' functions know; choices stand in it. */
function kindWord(value: Completed): string {
  return value.kind === "choices" ? `choices ${value.choices.join(" ")}` : value.kind;
}

/**
 * The branches of a `case "$place/$word"` for bash and zsh: what follows each option (`value=…`), and which commands lead
 * further (`place=…`).
 */
export function wordBranches(commands: readonly CompletedCommand[]): string[] {
  const values = commands.flatMap(({ place, options }) =>
    options.flatMap(({ flags, value }) =>
      value === undefined
        ? []
        : [
            branch(
              flags.map((flag) => `${place}/${flag}`),
              `value=${quoted(kindWord(value))}`,
            ),
          ],
    ),
  );
  const places = commands.flatMap(({ place, subcommands }) =>
    subcommands.map(({ name }) =>
      branch([`${place}/${name}`], `place=${quoted(place === "" ? name : `${place} ${name}`)}`),
    ),
  );
  return [...values, ...places];
}

/** The branches of a `case "$place/$position"`: what stands in each position of a command. */
export function positionBranches(commands: readonly CompletedCommand[]): string[] {
  return commands.flatMap(({ place, positions, repeats }) =>
    positions.map((position, index) => {
      const isLast = index === positions.length - 1;
      const pattern = isLast && repeats ? `${quoted(`${place}/`)}*` : quoted(`${place}/${index}`);
      return `${pattern}) value=${quoted(kindWord(position))} ;;`;
    }),
  );
}

function branch(patterns: readonly string[], what: string): string {
  return `${patterns.map(quoted).join(" | ")}) ${what} ;;`;
}
