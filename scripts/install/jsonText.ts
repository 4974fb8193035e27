import { createScanner, type Node, type ParseError, parseTree, visit } from "jsonc-parser";

/** A replacement in a text: `length` code units from `offset` on become `text`. */
export interface TextEdit {
  readonly offset: number;
  readonly length: number;
  readonly text: string;
}

/** A JSON text with comments and trailing commas, or why it is not one: a clause. */
export type ParsedText =
  | { readonly root: Node; readonly problem?: never }
  | { readonly problem: string; readonly root?: never };

/** More than any configuration has. The parser calls itself for each level, and the stack has an end. */
const MAX_DEPTH = 500;

/** @param text without a byte order mark */
export function parseJsonText(text: string): ParsedText {
  if (isTooDeep(text)) return { problem: `objects and lists stand in it more than ${MAX_DEPTH} deep in each other` };
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  return root !== undefined && errors.length === 0
    ? { root }
    : { problem: "it is not JSON with comments (JSON5 may be more than that)" };
}

function isTooDeep(text: string): boolean {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (scanner.scan(); scanner.getTokenLength() > 0 && depth <= MAX_DEPTH; scanner.scan()) {
    const start = scanner.getTokenOffset();
    const token = text.slice(start, start + scanner.getTokenLength());
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
  }
  return depth > MAX_DEPTH;
}

/** An edit of a text behind its byte order mark, which some editors write and which stays where it is. */
export function behindMark<T extends { readonly text: string }>(text: string, edit: (body: string) => T): T {
  const mark = text.startsWith("\uFEFF") ? "\uFEFF" : "";
  const done = edit(text.slice(mark.length));
  return { ...done, text: mark + done.text };
}

/** Edits made from one text; none may overlap another. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  const fromTheEnd = edits
    .map((edit, index) => ({ ...edit, index }))
    .sort((a, b) => b.offset - a.offset || b.index - a.index);
  return fromTheEnd.reduce(
    (done, { offset, length, text: next }) => done.slice(0, offset) + next + done.slice(offset + length),
    text,
  );
}

/** A property with that key and value, after the last one of an object. Nothing else of the text changes. */
export function insertProperty(text: string, object: Node, key: string, value: unknown): TextEdit[] {
  return insertChild(text, object, (layout) => `${JSON.stringify(key)}:${layout.gap}${render(value, layout)}`);
}

/** An element after the last one of an array. Nothing else of the text changes. */
export function insertElement(text: string, array: Node, value: unknown): TextEdit[] {
  return insertChild(text, array, (layout) => render(value, layout));
}

/**
 * Takes one property of an object, or one element of an array, out of it, with its comma and with the lines that were
 * its own. Comments around it stay.
 */
export function removeChild(text: string, parent: Node, child: Node): TextEdit[] {
  const children = parent.children ?? [];
  const index = children.indexOf(child);
  const commaAfter = findComma(text, endOf(child), children[index + 1]?.offset ?? closeOf(parent));
  const previous = children[index - 1];
  const commaBefore = previous === undefined ? undefined : findComma(text, endOf(previous), child.offset);

  const own = wholeLines(text, child.offset, commaAfter === undefined ? endOf(child) : commaAfter + 1);
  // The comma may stand away from the child, behind a comment, which is not to go with it.
  const between = commaAfter === undefined ? "" : text.slice(endOf(child), commaAfter);
  const edits =
    between.trim() === ""
      ? [own]
      : [wholeLines(text, child.offset, endOf(child)), { offset: commaAfter ?? 0, length: 1, text: "" }];
  const isLast = commaAfter === undefined && commaBefore !== undefined;
  return isLast ? [{ offset: commaBefore, length: 1, text: "" }, ...edits] : edits;
}

interface Layout {
  /** Between a colon and its value. */
  readonly gap: string;
  /** A level of indentation, and what the child's own lines begin with; undefined where all is on one line. */
  readonly lines: { readonly unit: string; readonly indent: string; readonly eol: string } | undefined;
}

function insertChild(text: string, container: Node, write: (layout: Layout) => string): TextEdit[] {
  const children = container.children ?? [];
  const last = children.at(-1);
  const inside = last === undefined ? container.offset + 1 : endOf(last);
  const tail = tailOf(text, inside, closeOf(container));
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const first = children[0];
  const isMultiline = text.slice(container.offset, first?.offset ?? closeOf(container)).includes("\n");
  const isText = text.trim().includes("\n");
  // A comment to the end of the line would swallow what is written behind it.
  const needsLine = tail.endsInLineComment || isMultiline || (first === undefined && isText);

  const outer = indentAt(text, container.offset);
  const unit = unitOf(text);
  const indent = isMultiline && first !== undefined ? indentAt(text, first.offset) : outer + unit;
  const gap = isText || /":\s/u.test(text) ? " " : "";
  const written = write({ gap, lines: needsLine ? { unit, indent, eol } : undefined });

  const before = needsLine ? eol + indent : last === undefined ? "" : gap;
  // An array or object that ends each child with a comma goes on to do so.
  const after = tail.hasComma && needsLine ? "," : "";
  const rest = text.slice(tail.end, closeOf(container));
  const close = needsLine && !rest.includes("\n") ? eol + outer : "";
  const child = { offset: tail.end, length: 0, text: before + written + after + close };
  return last === undefined || tail.hasComma ? [child] : [{ offset: endOf(last), length: 0, text: "," }, child];
}

/** What stands between the last child and the bracket that closes: where it ends, and what it holds. */
function tailOf(text: string, from: number, to: number) {
  const tail = { end: from, hasComma: false, endsInLineComment: false };
  for (const { kind, end } of marksIn(text, from, to)) {
    tail.end = end;
    tail.hasComma ||= kind === "comma";
    tail.endsInLineComment = kind === "lineComment";
  }
  return tail;
}

function findComma(text: string, from: number, to: number): number | undefined {
  return marksIn(text, from, to).find(({ kind }) => kind === "comma")?.offset;
}

interface Mark {
  readonly kind: "comma" | "lineComment" | "blockComment";
  readonly offset: number;
  readonly end: number;
}

/** The commas and comments of a range, in order. */
function marksIn(text: string, from: number, to: number): Mark[] {
  const found: Mark[] = [];
  const add = (kind: Mark["kind"], offset: number, length: number) => {
    if (offset >= from && offset < to) found.push({ kind, offset, end: offset + length });
  };
  visit(
    text,
    {
      onSeparator: (character, offset, length) => {
        if (character === ",") add("comma", offset, length);
      },
      onComment: (offset, length) => add(text[offset + 1] === "/" ? "lineComment" : "blockComment", offset, length),
    },
    { allowTrailingComma: true },
  );
  return found;
}

function render(value: unknown, { lines }: Layout): string {
  if (lines === undefined) return JSON.stringify(value);
  return JSON.stringify(value, undefined, lines.unit).replaceAll("\n", lines.eol + lines.indent);
}

/** A removal that takes the line breaks along when nothing else is on the lines, else the space in front. */
function wholeLines(text: string, start: number, end: number): TextEdit {
  let from = start;
  while (from > 0 && (text[from - 1] === " " || text[from - 1] === "\t")) from--;
  let to = end;
  while (text[to] === " " || text[to] === "\t" || text[to] === "\r") to++;
  const isOwn = (from === 0 || text[from - 1] === "\n") && text[to] === "\n";
  return isOwn ? { offset: from, length: to + 1 - from, text: "" } : { offset: from, length: end - from, text: "" };
}

/** The space that the line of an offset begins with. */
function indentAt(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  return /^[ \t]*/u.exec(line)?.[0] ?? "";
}

/** A level of indentation, as the first indented line has it; two spaces where none is. */
function unitOf(text: string): string {
  return /\n([ \t]+)["'/{[]/u.exec(text)?.[1] ?? "  ";
}

function endOf(node: Node): number {
  return node.offset + node.length;
}

function closeOf(container: Node): number {
  return endOf(container) - 1;
}
