/**
 * Replaces what stands between `<!-- name:begin -->` and `<!-- name:end -->`, so that a page can be half written and
 * half generated.
 *
 * @throws {Error} when the page lacks one of the markers.
 */
export function replaceSection(page: string, name: string, content: string): string {
  const begin = `<!-- ${name}:begin -->`;
  const end = `<!-- ${name}:end -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`The page has no ${begin} … ${end}: put both where the content belongs.`);
  return `${page.slice(0, from + begin.length)}\n\n${content.trim()}\n\n${page.slice(to)}`;
}
