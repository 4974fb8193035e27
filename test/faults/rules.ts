/** The rule of all messages to followers. */
export const LOAD_RULE = "load";
/** The rule of all messages from followers. */
export const WORK_RULE = "work";
