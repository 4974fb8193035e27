/** One sentence for each file that a compiler wrote beside its source: it would be imported, or committed, in its place. */
export function compiledFileProblems(paths: readonly string[]): string[] {
  const all = new Set(paths);
  return paths.flatMap((path) => {
    const stem = /^(.+)\.(?:d\.[cm]?ts|[cm]?jsx?)(?:\.map)?$/u.exec(path)?.[1];
    const source = ["ts", "mts", "cts", "tsx"].map((ending) => `${stem}.${ending}`).find((each) => all.has(each));
    return stem === undefined || source === undefined
      ? []
      : [`${path} was compiled from ${source} and lies beside it: remove it. Only the folders dist hold such files.`];
  });
}
