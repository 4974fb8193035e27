import Type from "typebox";
import { RequestId, UnixSeconds } from "./fields.ts";

/**
 * The schema of one builtin message: its envelope around the given payload fields. It doubles as the JSON Schema of what
 * follows `builtin::`, and its `description`s are what a reader is told when a field is wrong. It leaves additional
 * properties open: a peer of a later version may send more, and the parser drops what it does not know.
 */
export function defineMessage<const Name extends string, Fields extends Type.TProperties>(name: Name, fields: Fields) {
  return Type.Object({
    type: Type.Literal(name),
    requestId: Type.Optional(RequestId),
    timestamp: Type.Optional(UnixSeconds),
    payload: Type.Object(fields),
  });
}
