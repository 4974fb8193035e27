/** The bytes in pieces of these sizes. */
export function* cutsOf(bytes: Buffer, sizes: Iterable<number>): Generator<Buffer> {
  let position = 0;
  for (const size of sizes) {
    if (position >= bytes.length) return;
    yield bytes.subarray(position, position + size);
    position += size;
  }
}
