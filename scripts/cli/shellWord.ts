/** A text as a shell takes it for one word: in quotes where it needs them. */
export function shellWord(text: string): string {
  return /^[\w./+-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
