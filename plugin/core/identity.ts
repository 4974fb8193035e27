/** The plugin's id in OpenClaw: its folder, its entry in the configuration, its data folder. */
export const PLUGIN_ID = "yonexus-server";

/** The slash command, and the subcommand of `openclaw`. */
export const COMMAND = "yonexus";

/** Where its settings stand, as problems name it. */
export const CONFIG_PLACE = `plugins.entries.${PLUGIN_ID}.config`;
