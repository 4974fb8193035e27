/** One sample of a scrape. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads Prometheus' text format as far as we write it: no quotes in labels. */
function parseMetrics(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/u.exec(line) ?? [];
    if (name === undefined || line.startsWith("#")) return [];
    const pairs = Array.from(
      labels.matchAll(/(\w+)="([^"]*)"/gu),
      ([, label = "", each = ""]) => [label, each] as const,
    );
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

/** What is served at an admin address now. */
export async function scrape(adminUrl: string | undefined): Promise<Sample[]> {
  const answer = await fetch(`${adminUrl}/metrics`);
  if (answer.status !== 200) throw new Error(`A scrape was answered ${answer.status}: ${await answer.text()}`);
  return parseMetrics(await answer.text());
}

/** The value of the sample that has these labels and no others; undefined when there is none. */
export function sampleValue(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = Object.entries(labels);
  return samples.find(
    (sample) =>
      sample.name === name &&
      Object.keys(sample.labels).length === wanted.length &&
      wanted.every(([label, value]) => sample.labels[label] === value),
  )?.value;
}
