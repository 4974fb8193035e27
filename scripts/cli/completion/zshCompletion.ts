import { positionBranches, wordBranches } from "./caseTables.ts";
import type { CompletedCommand } from "./completionTree.ts";
import { quoted } from "./shellQuote.ts";

/** The script for zsh 5. */
export function zshCompletion(commands: readonly CompletedCommand[]): string {
  return `#compdef yonexus
# Completion of the yonexus command for zsh. Made by: yonexus completion zsh
# Load it in ~/.zshrc, after compinit, with: source <(yonexus completion zsh)

# The followers of the cluster that the line names, or of the one that the command finds by itself.
_yonexus_identifiers() {
  local -a where limit found
  local i
  for ((i = 2; i < CURRENT; i++)); do
    case "$words[i]" in
      --data-dir | --config) ((i + 1 < CURRENT)) && where+=("$words[i]" "\${(Q)~words[i+1]}") ;;
      --data-dir=* | --config=*) where+=("$words[i]") ;;
    esac
  done
  (( $+commands[timeout] )) && limit=(timeout 3)
  found=(\${(f)"$($limit \${(Q)~words[1]} clients --json $where 2>/dev/null </dev/null | grep -o '"identifier":"[^"]*"' | cut -d '"' -f 4)"})
  compadd -a -- found
}

_yonexus() {
  local place="" value="" word before
  local -i position=0 i
  for ((i = 2; i < CURRENT; i++)); do
    word="$words[i]"
    if [[ -n "$value" ]]; then
      value=""
      continue
    fi
    before="$place"
    case "$place/$word" in
${indented(wordBranches(commands), 6)}
      */-*) ;;
      *) ((position += 1)) ;;
    esac
    [[ "$place" != "$before" ]] && position=0
  done
  if [[ -z "$value" ]]; then
    if [[ "$words[CURRENT]" == -* ]]; then
      _yonexus_options "$place"
      return
    fi
    case "$place/$position" in
${indented(positionBranches(commands), 6)}
      *)
        _yonexus_subcommands "$place"
        return
        ;;
    esac
  fi
  case "$value" in
    identifier) _yonexus_identifiers ;;
    file) _files ;;
    folder) _files -/ ;;
    "choices "*) compadd -- \${=value#choices } ;;
  esac
}

_yonexus_options() {
  local -a found
  case "$1" in
${indented(
  commands.map(
    ({ place, options }) =>
      `${quoted(place)}) found=(${options.flatMap(({ flags, about }) => flags.map((flag) => described(flag, about))).join(" ")}) ;;`,
  ),
  4,
)}
  esac
  _describe -o option found
}

_yonexus_subcommands() {
  local -a found
  case "$1" in
${indented(
  commands
    .filter(({ subcommands }) => subcommands.length > 0)
    .map(
      ({ place, subcommands }) =>
        `${quoted(place)}) found=(${subcommands.map(({ name, about }) => described(name, about)).join(" ")}) ;;`,
    ),
  4,
)}
  esac
  (( $#found )) && _describe command found
}

# As a file in $fpath it is the function itself; sourced, it is bound to the command.
if [[ "$funcstack[1]" == "_yonexus" ]]; then
  _yonexus "$@"
else
  compdef _yonexus yonexus
fi`;
}

function described(name: string, about: string): string {
  return quoted(`${name.replaceAll(":", "\\:")}:${about}`);
}

function indented(lines: readonly string[], by: number): string {
  return lines.map((line) => " ".repeat(by) + line).join("\n");
}
