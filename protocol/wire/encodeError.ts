export type EncodeErrorCode = "INVALID_RULE" | "INVALID_MESSAGE";

/** A program tried to send what the protocol does not allow. Its message names the field and never shows a value. */
export class EncodeError extends Error {
  override readonly name = "EncodeError";
  readonly code: EncodeErrorCode;

  constructor(code: EncodeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
