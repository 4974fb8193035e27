/** Rules that one gateway handles: each has a connection to Redis of its own. */
export const MAX_RULES = 64;
