/**
 * What a follower may ask for in its `hello` beyond version 1, and a node grant in its `hello_ack`.
 * `ack`: at-least-once delivery with deduplication, both ways.
 */
export const CAPABILITIES = ["ack"] as const;

export type Capability = (typeof CAPABILITIES)[number];

/** Those of the texts that this version knows, each once. */
export function knownCapabilities(asked: readonly string[] | undefined): Capability[] {
  return CAPABILITIES.filter((capability) => asked?.includes(capability) === true);
}
