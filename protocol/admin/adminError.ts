/** An answer other than the one that was asked for: a route throws it, and the asker gets its status and its sentence. */
export class AdminError extends Error {
  readonly code = "ADMIN";
  readonly status: number;

  /** @param message one sentence for the asker; it must hold nothing that is not for them. */
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AdminError";
    this.status = status;
  }
}

/** The admin address cannot be listened on. The message says what to do. */
export class AdminListenError extends Error {
  readonly code = "ADMIN_LISTEN";

  constructor(host: string, port: number, cause: unknown) {
    super(sentence(host, port, cause), { cause });
    this.name = "AdminListenError";
  }
}

function sentence(host: string, port: number, cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} is taken: stop what listens there, or set YONEXUS_ADMIN_PORT.`;
    case "EADDRNOTAVAIL":
      return `${host} is no address of this machine: set YONEXUS_ADMIN_HOST to one that is.`;
    case "EACCES":
      return `This user may not listen on port ${port}: set YONEXUS_ADMIN_PORT to one above 1023.`;
    default:
      return `${host}:${port} cannot be listened on (${code}): mend YONEXUS_ADMIN_HOST or YONEXUS_ADMIN_PORT.`;
  }
}
