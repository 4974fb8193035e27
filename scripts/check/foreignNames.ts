import type { SourceFile } from "./importRules.ts";

/** The folders where people and machines keep their own things. Such a path means nothing elsewhere. */
const MACHINE_PATH = /(?<![\w.~})\]>*-])\/(?:home\/(?!(?:node|yonexus)\b)|Users\/|root\/|work\/)[\w.-]+/u;
const REGISTRY = /\b(?:registry\.(?:npmjs\.org|yarnpkg\.com|npmmirror\.com)|npm\.pkg\.github\.com|deb\.debian\.org)\b/u;

/**
 * One sentence for each line that names a path of somebody's machine or the host of a package registry: both differ from
 * place to place and belong to its configuration.
 *
 * @param own what only this machine has: the folder of the checkout, the host of its registry
 */
export function foreignNameProblems(files: readonly SourceFile[], own: readonly string[]): string[] {
  return files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, index) => {
      const found = MACHINE_PATH.exec(line)?.[0] ?? REGISTRY.exec(line)?.[0] ?? own.find((name) => line.includes(name));
      return found === undefined ? [] : [`${path}:${index + 1} names ${found}, which other machines do not have.`];
    }),
  );
}

/** npm writes where it got each package from unless it is told not to, and that is one machine's registry. */
export function lockProblems(lock: string): string[] {
  const count = lock.match(/"resolved":\s*"(?:https?|git[^"]*):/gu)?.length ?? 0;
  if (count === 0) return [];
  return [
    `package-lock.json holds ${count} download addresses: run npm install --package-lock-only with omit-lockfile-registry-resolved=true, as .npmrc says.`,
  ];
}
