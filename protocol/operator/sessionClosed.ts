/** What a change did to the follower's live session. @param closedOn the node that was told to close it. */
export function sessionClosed(closedOn: string | undefined): string {
  return closedOn === undefined ? "It had no live session." : `Its session on ${closedOn} was closed.`;
}
