import { connect, type Socket } from "node:net";

export type Reply = string | number | null | Reply[];
export type RedisAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/**
 * One command over a connection of its own, without any client library: the tests' own view of a server.
 *
 * @throws {Error} with the server's words on an error reply, or when no answer comes within `timeoutMs`.
 */
export function respCommand(address: RedisAddress, command: readonly string[], timeoutMs = 5000): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(address);
    let received = Buffer.alloc(0);
    const finish = (settle: () => void) => {
      socket.destroy();
      settle();
    };
    socket.setTimeout(timeoutMs, () =>
      finish(() => reject(new Error(`no answer to ${command[0]} in ${timeoutMs} ms`))),
    );
    socket.on("error", (error) => finish(() => reject(error)));
    socket.on("close", () => reject(new Error(`the connection closed before ${command[0]} was answered`)));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      try {
        const parsed = readReply(received, 0);
        if (parsed !== undefined) finish(() => resolve(parsed.reply));
      } catch (error) {
        finish(() => reject(error));
      }
    });
    const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
    socket.write(`*${command.length}\r\n${parts.join("")}`);
  });
}

interface Parsed {
  readonly reply: Reply;
  readonly end: number;
}

/** RESP2, or `undefined` while the reply is incomplete. */
function readReply(bytes: Buffer, start: number): Parsed | undefined {
  const lineEnd = bytes.indexOf("\r\n", start);
  if (lineEnd < 0) return undefined;
  const line = bytes.toString("utf8", start + 1, lineEnd);
  const next = lineEnd + 2;
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case "+":
      return { reply: line, end: next };
    case "-":
      throw new Error(line);
    case ":":
      return { reply: Number(line), end: next };
    case "$": {
      const end = next + Number(line);
      if (line === "-1") return { reply: null, end: next };
      return bytes.length < end + 2 ? undefined : { reply: bytes.toString("utf8", next, end), end: end + 2 };
    }
    case "*": {
      if (line === "-1") return { reply: null, end: next };
      const items: Reply[] = [];
      let position = next;
      for (let index = 0; index < Number(line); index++) {
        const item = readReply(bytes, position);
        if (item === undefined) return undefined;
        items.push(item.reply);
        position = item.end;
      }
      return { reply: items, end: position };
    }
    default:
      throw new Error(`not a RESP2 reply: ${line.slice(0, 40)}`);
  }
}
