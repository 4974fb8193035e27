import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SourceFile } from "./importRules.ts";

/** Every text file of the repository: what is tracked and what would be. */
export function repositoryFiles(root: string): SourceFile[] {
  return paths(root)
    .filter((path) => existsSync(join(root, path)))
    .map((path) => ({ path, bytes: readFileSync(join(root, path)) }))
    .filter(({ bytes }) => !bytes.subarray(0, 8000).includes(0))
    .map(({ path, bytes }) => ({ path, text: bytes.toString("utf8") }));
}

function paths(root: string): string[] {
  const listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  // Where git refuses, because the checkout belongs to another user, it is told that this folder is meant.
  const output = execFileSync("git", ["-c", `safe.directory=${root}`, ...listing], { cwd: root, encoding: "utf8" });
  return output.split("\0").filter((path) => path !== "");
}
