import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

export interface PageFile {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** Of the bytes: a browser that asks for this may keep what it gets. */
  readonly digest: string;
}

export interface PageFiles {
  readonly script: PageFile;
  readonly style: PageFile;
}

/** Where `npm run build:console` puts the page, from the sources and from their build. */
const FOLDERS = ["../dist/console", "../console"].map((folder) => join(import.meta.dirname, folder));

/** The page's script and style; undefined when they were not built. */
export async function readPageFiles(): Promise<PageFiles | undefined> {
  for (const folder of FOLDERS) {
    try {
      const [script, style] = await Promise.all([
        readPageFile(join(folder, "console.js"), "text/javascript; charset=utf-8"),
        readPageFile(join(folder, "console.css"), "text/css; charset=utf-8"),
      ]);
      return { script, style };
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }
  return undefined;
}

async function readPageFile(path: string, contentType: string): Promise<PageFile> {
  const bytes = await readFile(path);
  return { bytes, contentType, digest: createHash("sha256").update(bytes).digest("base64url").slice(0, 16) };
}

/** A page may load its own script and style, speak to where it came from, and nothing else. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%232563eb'/%3E%3Cpath d='M4.5 4.5 8 8.5l3.5-4M8 8.5V12' stroke='%23fff' stroke-width='1.8' fill='none' stroke-linecap='round'/%3E%3C/svg%3E";

/** The page itself; everything in it is made by its script. */
export function pageDocument({ script, style }: PageFiles): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Yonexus</title>
<link rel="icon" href="${ICON}">
<link rel="stylesheet" href="console.css?v=${style.digest}">
<script type="module" src="console.js?v=${script.digest}"></script>
</head>
<body>
<div id="page"></div>
<noscript>The console needs JavaScript. In a terminal, \`yonexus clients\` and \`yonexus top\` show the same.</noscript>
</body>
</html>
`;
}
