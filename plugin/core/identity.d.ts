/** The plugin's id in OpenClaw: its folder, its entry in the configuration, its data folder. */
export declare const PLUGIN_ID = "yonexus-server";
/** The slash command, and the subcommand of `openclaw`. */
export declare const COMMAND = "yonexus";
/** Where its settings stand, as problems name it. */
export declare const CONFIG_PLACE = "plugins.entries.yonexus-server.config";
