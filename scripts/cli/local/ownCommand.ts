/** How this process starts another command of its own program: the same Node.js, the same entry. */
export function ownCommand(args: readonly string[]): { readonly program: string; readonly args: readonly string[] } {
  // A debugger listens on one port: a child cannot share it.
  const flags = process.execArgv.filter((flag) => !flag.startsWith("--inspect"));
  return { program: process.execPath, args: [...flags, process.argv[1] ?? "", ...args] };
}
