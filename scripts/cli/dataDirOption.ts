/** Where `yonexus up` keeps its data when nothing else is said: in the current folder. */
export const DEFAULT_DATA_DIR = ".yonexus";

/** How a person names another folder. */
export const DATA_DIR_CHOSEN = "with --data-dir";
