import { copyFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CertificateError, type CertificatePair, DAY_MS } from "@yonexus/protocol/tls";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { recordingLogger } from "../test/support/testNode.ts";
import { type CertificateFiles, TestAuthority } from "../test/support/tlsCertificates.ts";
import { waitFor } from "../test/support/waitFor.ts";
import { TlsCertificate } from "./tlsCertificate.ts";

let authority: TestAuthority;
let first: CertificateFiles;
let second: CertificateFiles;
/** What the node reads. */
let used: CertificateFiles;
let certificate: TlsCertificate | undefined;
beforeAll(() => {
  authority = new TestAuthority();
  first = authority.signed("first", "IP:127.0.0.1");
  second = authority.signed("second", "IP:127.0.0.1");
  used = { cert: join(dirname(first.cert), "used.pem"), key: join(dirname(first.cert), "used.key") };
});
afterAll(() => authority.remove());
beforeEach(() => put(first));
afterEach(() => certificate?.stop());

function put({ cert, key }: CertificateFiles): void {
  copyFileSync(cert, used.cert);
  copyFileSync(key, used.key);
}

function open(changes: { lookEveryMs?: number; now?: () => number } = {}, { cert, key } = used) {
  const { log, logger } = recordingLogger("info", "node");
  const files = { cert: { setting: "THE_CERT", path: cert }, key: { setting: "THE_KEY", path: key } };
  certificate = new TlsCertificate({ files, logger, lookEveryMs: 3_600_000, ...changes });
  const replaced: CertificatePair[] = [];
  certificate.watch((pair) => replaced.push(pair));
  return { certificate, replaced, log };
}

const events = (log: readonly string[]) => log.map((line) => (JSON.parse(line) as { event?: string }).event);

describe("the certificate of a node", () => {
  it("that cannot be used at the start ends the start", () => {
    rmSync(used.key);
    expect(() => open()).toThrow(CertificateError);
  });

  it("is replaced when its files change, without anybody telling", async () => {
    const { replaced, log } = open({ lookEveryMs: 5 });
    put(second);
    await waitFor("the second certificate", () => replaced.length > 0);
    expect(replaced.map(({ cert }) => cert)).toEqual([certificate?.current.cert]);
    expect(events(log)).toContain("certificate_replaced");
  });

  it("is replaced when a link leads elsewhere, as mounts of secrets are swapped", async () => {
    const link = { cert: `${used.cert}.link`, key: `${used.key}.link` };
    const lead = (to: CertificateFiles) => {
      for (const kind of ["cert", "key"] as const) {
        rmSync(link[kind], { force: true });
        symlinkSync(to[kind], link[kind]);
      }
    };
    lead(first);
    const { certificate: opened, replaced } = open({}, link);
    lead(second);
    opened.reload();
    expect(replaced).toHaveLength(1);
  });

  it("is not replaced when it is read again and is the same", () => {
    const { certificate: opened, replaced, log } = open();
    put(first);
    opened.reload();
    expect([replaced, log]).toEqual([[], []]);
  });

  it("stays when the new one cannot be used, which is told once and as one line", () => {
    const { certificate: opened, replaced, log } = open();
    const before = opened.current;
    copyFileSync(second.cert, used.cert);
    for (let time = 0; time < 3; time++) opened.reload();
    expect(opened.current).toBe(before);
    expect(replaced).toEqual([]);
    expect(log).toHaveLength(1);
    expect(JSON.parse(log[0] ?? "")).toMatchObject({
      event: "certificate_refused",
      msg: expect.stringMatching(
        /^The node keeps the certificate that it has\. THE_CERT names .+ do not belong together/u,
      ),
    });
    writeFileSync(used.key, "something else");
    opened.reload();
    expect(log).toHaveLength(2);
    put(second);
    opened.reload();
    expect(replaced).toHaveLength(1);
  });

  it("that ends soon, or has ended, is told once a day until it is replaced", () => {
    let now = Date.now();
    const { certificate: opened, log } = open({ now: () => now });
    expect(log).toEqual([]);
    now += 1.9 * DAY_MS;
    opened.reload();
    opened.reload();
    now += 1.1 * DAY_MS;
    opened.reload();
    expect(events(log)).toEqual(["certificate_ends", "certificate_ends"]);
    expect(log[0]).toContain("it ends in 0 days");
    expect(log[1]).toContain("it ended 1 day ago");
  });
});
