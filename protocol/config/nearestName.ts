/** The known name that is most like the given one, or nothing when none is close enough to be what was meant. */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  const wanted = comparable(given);
  // A name with a word left out or added is far by letters and near by meaning.
  const within = known.filter((name) => wanted.length > 4 && holdsOther(wanted, comparable(name)));
  if (within.length === 1) return within[0];
  let best: string | undefined;
  // A third of the letters may differ: more, and the suggestion would be a guess.
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const name of known) {
    const distance = editDistance(wanted, comparable(name));
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

/** Environment names and camelCase keys are compared as one alphabet, without the prefix they all share. */
function comparable(name: string): string {
  return name
    .replace(/^YONEXUS_/i, "")
    .replaceAll("_", "")
    .toLowerCase();
}

function holdsOther(left: string, right: string): boolean {
  return left.includes(right) || right.includes(left);
}

function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (const [row, letter] of [...left].entries()) {
    const current = [row + 1];
    for (let column = 0; column < right.length; column++) {
      const substitution = (previous[column] ?? 0) + (letter === right[column] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
