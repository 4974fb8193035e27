/** A table for people: columns as wide as their widest cell, two spaces between them, `-` where a cell is empty. */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((row) => header.map((_, column) => row[column] || "-"));
  const widths = header.map((_, column) => Math.max(...lines.map((line) => width(line[column] ?? ""))));
  return lines
    .map((line) => line.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - width(cell))).join("  "))
    .map((line) => line.trimEnd())
    .join("\n");
}

/** In characters, not UTF-16 units. */
function width(text: string): number {
  return [...text].length;
}
