import { closeSync, openSync } from "node:fs";

/** Whether this process has a terminal that can end it by going away. A service has none, and one that was closed is none. */
export function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}
