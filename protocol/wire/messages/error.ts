import Type from "typebox";
import { ERROR_CODES, type ErrorCode } from "../errorCodes.ts";
import { defineMessage } from "./definition.ts";
import { Details, ErrorMessage, oneOf } from "./fields.ts";

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERROR_CODES, code);
const codes = Object.keys(ERROR_CODES).filter(isErrorCode);

/** Node → follower: the answer to a frame that was refused. `message` is a sentence for a person. */
export const ErrorAnswer = defineMessage("error", {
  code: oneOf(codes),
  message: ErrorMessage,
  details: Type.Optional(Details),
});
