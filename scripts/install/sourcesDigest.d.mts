/**
 * SHA-256, in hexadecimal, over the paths and the contents of what the plugin and its installer are built from.
 * @param root the folder of the checkout
 */
export declare function sourcesDigest(root: string): string;
