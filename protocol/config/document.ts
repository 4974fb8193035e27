import { GROUPS, listSettings } from "./settings.ts";

const LINE_WIDTH = 100;

/** The text of `.env.example`: copied to `.env` as it is, it changes nothing. */
export function renderEnvExample(): string {
  const lines = [
    "# Every setting of Yonexus.Server, each with its default. Generated from protocol/config/settings.ts.",
    "# Copy this file to .env and change what you need. An empty value counts as unset.",
  ];
  for (const group of GROUPS) {
    lines.push("", `# ── ${group} ${"─".repeat(40 - group.length)}`);
    for (const setting of listSettings().filter((each) => each.group === group)) {
      lines.push("", ...wrap(`${setting.about} Value: ${setting.kind.expects}.`).map((line) => `# ${line}`));
      if (setting.derived !== undefined) lines.push(...wrap(`Default: ${setting.derived}.`).map((line) => `# ${line}`));
      lines.push(setting.default ? `#${setting.env}=${setting.default}` : `${setting.env}=`);
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
        const about = setting.secret === true ? `${setting.about} **Secret.**` : setting.about;
        return `| \`${setting.env}\` | \`${setting.fileKey}\` | ${capitalise(setting.kind.expects)} | ${fallback} | ${about} |`;
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
