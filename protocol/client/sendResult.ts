/** Options of one `send`. */
export interface SendOptions {
  /**
   * The message's name among those of this follower under this rule: 1–64 of `A-Z a-z 0-9 _ -`, made up when left out. A
   * message that is sent again with its id is not handled twice.
   */
  readonly id?: string;
  /** How long to wait for the node's answer, through reconnects: 30 s. */
  readonly timeoutMs?: number;
}

/** How far a message got for sure. */
export type SendResult =
  /** The node stored it for the rule's handlers. `duplicate`: it had done so before, perhaps for an earlier try of this send. */
  | { readonly reached: "accepted"; readonly messageId: string; readonly duplicate: boolean }
  /** The session has no acks: the socket took it, and nothing more will be known. */
  | { readonly reached: "written" };
