/** The series of a metric, each with its labels, by the names under which the code counts. */
export type Series<Key extends string> = Readonly<Record<Key, Readonly<Record<string, string>>>>;

/** A metric without labels. */
export const ONE: Series<"one"> = { one: {} };

/** A series for each value of one label. */
export function byLabel<const Value extends string>(label: string, values: readonly Value[]): Series<Value> {
  const series = values.map((value): [Value, Readonly<Record<string, string>>] => [value, { [label]: value }]);
  return Object.fromEntries(series) as Record<Value, Readonly<Record<string, string>>>;
}
