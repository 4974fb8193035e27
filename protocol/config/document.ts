import { GROUPS, listSettings, type Setting } from "./settings.ts";
import { spellingsOf } from "./spellings.ts";

const LINE_WIDTH = 100;

/** The text of `.env.example`: copied to `.env` as it is, it changes nothing. */
export function renderEnvExample(): string {
  const lines = [
    "# Every setting of Yonexus.Server, each with its default. Generated from protocol/config/settings.ts.",
    "# Copy this file to .env and change what you need. An empty value counts as unset.",
    "# A variable that ends in _FILE names a file that holds the value, as containers hand out secrets.",
  ];
  for (const group of GROUPS) {
    lines.push("", `# ── ${group} ${"─".repeat(40 - group.length)}`);
    for (const setting of listSettings().filter((each) => each.group === group)) {
      lines.push("", ...wrap(`${setting.about} Value: ${setting.kind.expects}.`).map((line) => `# ${line}`));
      if (setting.derived !== undefined) lines.push(...wrap(`Default: ${setting.derived}.`).map((line) => `# ${line}`));
      lines.push(setting.default ? `#${setting.env}=${setting.default}` : `${setting.env}=`);
      const [, ...others] = spellingsOf(setting);
      lines.push(...others.map(({ env }) => `${env}=`));
    }
  }
  return `${lines.join("\n")}\n`;
}

/** The settings as Markdown tables, one a group. */
export function renderSettingsTable(): string {
  const parts = GROUPS.map((group) => {
    const rows = listSettings()
      .filter((setting) => setting.group === group)
      .map((setting) => {
        const fallback = setting.derived ?? (setting.default ? `\`${setting.default}\`` : "none");
        return `| \`${setting.env}\` | \`${setting.fileKey}\` | ${capitalise(setting.kind.expects)} | ${fallback} | ${meaning(setting)} |`;
      });
    return [
      `### ${group}`,
      "",
      "| Variable | Key in a file | Value | Default | Meaning |",
      "|---|---|---|---|---|",
      ...rows,
    ].join("\n");
  });
  return `${parts.join("\n\n")}\n`;
}

function meaning(setting: Setting & { readonly fileKey: string }): string {
  const [, ...others] = spellingsOf(setting);
  const named = others.map(
    ({ env, fileKey, isFile }) => `\`${env}\` (\`${fileKey}\`)${isFile ? ", a file that holds it" : ""}`,
  );
  const instead = named.length === 0 ? "" : ` Or ${named.join("; or ")}.`;
  return `${setting.about}${setting.secret === true ? " **Secret.**" : ""}${instead}`;
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length + 1 > LINE_WIDTH) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return line === "" ? lines : [...lines, line];
}
