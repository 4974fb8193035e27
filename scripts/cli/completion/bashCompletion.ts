import { positionBranches, wordBranches } from "./caseTables.ts";
import type { CompletedCommand } from "./completionTree.ts";
import { quoted } from "./shellQuote.ts";

/** The script for bash 3.2 and later. */
export function bashCompletion(commands: readonly CompletedCommand[]): string {
  return `# Completion of the yonexus command for bash. Made by: yonexus completion bash
# Load it in ~/.bashrc with: source <(yonexus completion bash)

# The followers of the cluster that the line names, or of the one that the command finds by itself.
_yonexus_identifiers() {
  local program="\${COMP_WORDS[0]/#\\~/$HOME}" i
  local -a where limit
  for ((i = 1; i < COMP_CWORD - 1; i++)); do
    case "\${COMP_WORDS[i]}" in
      --data-dir | --config)
        if [ "\${COMP_WORDS[i + 1]}" = "=" ]; then
          where+=("\${COMP_WORDS[i]}" "\${COMP_WORDS[i + 2]/#\\~/$HOME}")
        else
          where+=("\${COMP_WORDS[i]}" "\${COMP_WORDS[i + 1]/#\\~/$HOME}")
        fi
        ;;
    esac
  done
  type -P timeout >/dev/null && limit=(timeout 3)
  "\${limit[@]}" "$program" clients --json "\${where[@]}" 2>/dev/null </dev/null |
    grep -o '"identifier":"[^"]*"' | cut -d '"' -f 4
}

_yonexus() {
  local current="\${COMP_WORDS[COMP_CWORD]}" place="" value="" word i
  local position=0 before
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    # bash takes --option=value for three words.
    [ "$word" = "=" ] && continue
    if [ -n "$value" ]; then
      value=""
      continue
    fi
    before="$place"
    case "$place/$word" in
${indented(wordBranches(commands), 6)}
      */-*) ;;
      *) position=$((position + 1)) ;;
    esac
    [ "$place" != "$before" ] && position=0
  done
  [ "$current" = "=" ] && current=""
  if [ -z "$value" ]; then
    case "$current" in
      -*) value="choices $(_yonexus_options "$place")" ;;
      *)
        value="choices $(_yonexus_subcommands "$place")"
        case "$place/$position" in
${indented(positionBranches(commands), 10)}
        esac
        ;;
    esac
  fi
  case "$value" in
    identifier) COMPREPLY=($(compgen -W "$(_yonexus_identifiers)" -- "$current")) ;;
    file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current")) ;;
    folder) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$current")) ;;
    "choices "*) COMPREPLY=($(compgen -W "\${value#choices }" -- "$current")) ;;
  esac
}

_yonexus_options() {
  case "$1" in
${indented(
  commands.map(
    ({ place, options }) => `${quoted(place)}) echo ${quoted(options.flatMap(({ flags }) => flags).join(" "))} ;;`,
  ),
  4,
)}
  esac
}

_yonexus_subcommands() {
  case "$1" in
${indented(
  commands
    .filter(({ subcommands }) => subcommands.length > 0)
    .map(
      ({ place, subcommands }) => `${quoted(place)}) echo ${quoted(subcommands.map(({ name }) => name).join(" "))} ;;`,
    ),
  4,
)}
  esac
}

complete -F _yonexus yonexus`;
}

function indented(lines: readonly string[], by: number): string {
  return lines.map((line) => " ".repeat(by) + line).join("\n");
}
