/** Sockets and timers of this process that keep it alive, at this moment. */
export function openHandles(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout" || /^(?:TCP|Pipe|TLS)/u.test(name))
    .length;
}
