/** Where `yonexus up` keeps its data when nothing else is said: in the current folder. */
export const DEFAULT_DATA_DIR = ".yonexus";

/** What a person does to use another folder. */
export const OTHER_DATA_DIR = "name another folder with --data-dir";
