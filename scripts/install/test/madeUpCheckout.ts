import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Arguments } from "../arguments.mjs";
import { outputsDigest } from "../filesDigest.ts";
import { run } from "../main.ts";
import type { Surroundings } from "../profile.ts";
import { sourcesDigest } from "../sourcesDigest.mjs";

export interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A checkout with a built plugin, and a profile of OpenClaw, both made up, in a temporary folder. */
export class MadeUpCheckout {
  readonly folder = mkdtempSync(join(tmpdir(), "yonexus-install-"));
  readonly root = join(this.folder, "checkout");
  readonly profile = join(this.folder, "profile");
  readonly config = join(this.profile, "openclaw.json");
  readonly extension = join(this.profile, "extensions", "yonexus-server");

  constructor() {
    mkdirSync(this.profile, { recursive: true });
    this.build("0.1.0");
  }

  /** Sources of that version, and what a build makes of them. */
  build(version: string): void {
    this.write("checkout/protocol/wire/index.ts", "export {};\n");
    this.write("checkout/plugin/index.ts", `export const version = "${version}";\n`);
    this.write("checkout/plugin/package.json", JSON.stringify({ name: "@yonexus/openclaw-plugin", version }));
    this.write("checkout/plugin/openclaw.plugin.json", JSON.stringify({ id: "yonexus-server", configSchema: {} }));
    this.write("checkout/plugin/skills/followers/SKILL.md", "# Followers\n");
    this.write("checkout/plugin/dist/index.js", `export const version = "${version}";\n`);
    this.write("checkout/plugin/dist/chunks/a.js", "export {};\n");
    const outputs = outputsDigest(join(this.root, "plugin"));
    const note = { sourcesDigest: sourcesDigest(this.root), outputsDigest: outputs };
    this.write("checkout/plugin/dist/build.json", JSON.stringify(note));
  }

  write(path: string, content: string): void {
    const target = join(this.folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), "utf8");
  }

  run(action: "install" | "uninstall", options: Partial<Arguments & Surroundings> = {}): Promise<Told> {
    return this.runWith({ action, profilePath: this.profile, ...options }, options);
  }

  /** As typed, without a profile unless one is given. */
  async runWith(given: Partial<Arguments>, surroundings: Partial<Surroundings> = {}): Promise<Told> {
    const told = { out: "", err: "" };
    const code = await run(
      this.root,
      { action: "install", purge: false, dryRun: false, json: false, ...given },
      { env: {}, home: this.folder, uid: process.getuid?.(), ...surroundings },
      {
        out: (text) => {
          told.out += text;
        },
        err: (text) => {
          told.err += text;
        },
      },
    );
    return { code, ...told };
  }

  /** Every file and folder of the profile, with what it holds and its mode. */
  snapshot(folder = this.profile): Record<string, string> {
    const found: Record<string, string> = {};
    const visit = (path: string, name: string) => {
      const stat = lstatSync(path);
      const content = stat.isSymbolicLink() ? readlinkSync(path) : stat.isFile() ? readFileSync(path, "utf8") : "";
      found[name] = `${stat.mode.toString(8)} ${content}`;
      if (stat.isDirectory()) for (const child of readdirSync(path)) visit(join(path, child), `${name}/${child}`);
    };
    visit(folder, "");
    return found;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
