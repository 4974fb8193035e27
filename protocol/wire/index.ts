export * from "./basics.ts";
export * from "./encode.ts";
export * from "./messages.ts";
export * from "./parse.ts";
