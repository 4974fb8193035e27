// Control characters move the cursor or change the terminal; direction marks make a line read as another; line
// separators and lone surrogates break it.
const unsafe = /[\p{Cc}\p{Cs}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

const named: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Text from outside as one line that a terminal shows as it is: what could act on the terminal is escaped. */
export function plainText(text: string): string {
  return text.replace(unsafe, (character) => {
    const point = character.codePointAt(0) ?? 0;
    return named[character] ?? (point < 0x100 ? `\\x${hex(point, 2)}` : `\\u${hex(point, 4)}`);
  });
}

function hex(point: number, digits: number): string {
  return point.toString(16).padStart(digits, "0");
}
