import type { ComponentChildren } from "preact";

/** A table that becomes a list of cards on a narrow screen. */
export function Table({
  label,
  columns,
  children,
}: {
  readonly label: string;
  readonly columns: readonly string[];
  readonly children: ComponentChildren;
}) {
  return (
    <table aria-label={label}>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column} scope="col">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

/** A cell, which knows its column's name for when there are no columns. */
export function Cell({ of, children }: { of: string; children: ComponentChildren }) {
  return (
    <td data-of={of}>
      <span class="cell">{children}</span>
    </td>
  );
}
