/** The text of `openclaw.plugin.json`, which OpenClaw reads without running the plugin. @param version of the package. */
export declare function renderManifest(version: string): string;
