import type { Completed, CompletedCommand } from "./completionTree.ts";

/** The script for fish 3. */
export function fishCompletion(commands: readonly CompletedCommand[]): string {
  const valued = commands.flatMap(({ place, options }) =>
    options.flatMap(({ flags, value }) => (value === undefined ? [] : flags.map((flag) => `${place}/${flag}`))),
  );
  const places = commands.flatMap(({ place, subcommands }) =>
    subcommands.map(({ name }) => ({ word: `${place}/${name}`, place: place === "" ? name : `${place} ${name}` })),
  );
  return `# Completion of the yonexus command for fish. Made by: yonexus completion fish
# Load it with: yonexus completion fish > ~/.config/fish/completions/yonexus.fish

# Prints which command the line has come to, and in which of its positions it is.
function __yonexus_place
    set -l place ''
    set -l position 0
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch "$place/$word"
            case ${valued.map(fishQuoted).join(" ")}
                set skip 1
${places.map(({ word, place }) => `            case ${fishQuoted(word)}\n                set place ${fishQuoted(place)}\n                set position 0`).join("\n")}
            case '*/-*'
            case '*'
                set position (math $position + 1)
        end
    end
    echo "$place/$position"
end

function __yonexus_is
    test (__yonexus_place | string replace -r '/\\d+$' '') = "$argv[1]"
end

function __yonexus_at
    string match -q -- $argv[1] (__yonexus_place)
end

# The followers of the cluster that the line names, or of the one that the command finds by itself.
function __yonexus_identifiers
    set -l words (commandline -opc)
    set -l where
    for i in (seq 2 (math (count $words) - 1))
        if contains -- $words[$i] --data-dir --config
            set -a where $words[$i] (string replace -r '^~' $HOME -- $words[(math $i + 1)])
        end
    end
    set -l limit
    type -q timeout; and set limit timeout 3
    $limit (string replace -r '^~' $HOME -- $words[1]) clients --json $where 2>/dev/null </dev/null | string match -ra '(?<="identifier":")[^"]*'
end

complete -c yonexus -f
${commands.flatMap(commandLines).join("\n")}`;
}

function commandLines({ place, subcommands, options, positions, repeats }: CompletedCommand): string[] {
  const is = `__yonexus_is ${fishQuoted(place)}`;
  return [
    ...subcommands.map(({ name, about }) =>
      line(`__yonexus_at ${fishQuoted(`${place}/0`)}`, `-a ${fishQuoted(name)}`, about),
    ),
    ...options.map(({ flags, about, value }) => {
      const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
      return line(is, [...names, ...(value === undefined ? [] : [optionValue(value)])].join(" "), about);
    }),
    ...positions.flatMap((position, index) => {
      const at = index === positions.length - 1 && repeats ? `${place}/*` : `${place}/${index}`;
      const what = positionValue(position);
      return what === undefined ? [] : [line(`__yonexus_at ${fishQuoted(at)}`, what)];
    }),
  ];
}

function line(condition: string, what: string, about?: string): string {
  const described = about === undefined || about === "" ? "" : ` -d ${fishQuoted(about)}`;
  return `complete -c yonexus -n ${fishQuoted(condition)} ${what}${described}`;
}

function optionValue(value: Completed): string {
  if (value.kind === "file" || value.kind === "folder") return "-rF";
  return value.kind === "anything" ? "-x" : `-x ${positionValue(value)}`;
}

function positionValue(value: Completed): string | undefined {
  switch (value.kind) {
    case "identifier":
      return "-a '(__yonexus_identifiers)'";
    case "choices":
      return `-a ${fishQuoted(value.choices.join(" "))}`;
    case "file":
    case "folder":
      return "-F";
    case "anything":
      return undefined;
  }
}

/** In single quotes fish knows two escapes. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
