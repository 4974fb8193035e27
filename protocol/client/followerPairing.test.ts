import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { identifier, ScriptedNode, says } from "../../test/support/scriptedNode.ts";
import { decodeBase64Strict, keyFingerprint, LIMITS, verifyProof } from "../wire/index.ts";
import { type CodeNeeded, createMemoryState, newSavedState, type SavedState } from "./index.ts";

const pairedState: SavedState = { ...newSavedState(identifier), secret: "shared-secret", pairedAt: 1 };

let node: ScriptedNode;
beforeEach(async () => {
  node = await ScriptedNode.start();
});
afterEach(() => node.stop());

test("the first run makes a key and a state file of mode 0600, pairs with the code, and authenticates", async () => {
  const folder = await mkdtemp(join(tmpdir(), "yonexus-follower-"));
  // After the followers have closed the file.
  onTestFinished(() => rm(folder, { recursive: true }));
  const stateFile = join(folder, "edge.json");
  const asked: CodeNeeded[] = [];
  const first = node.follower({ stateFile, onCodeNeeded: (info) => asked.push(info) });
  const connected = first.connect();
  const connection = await node.stub.nextConnection();
  const hello = (await connection.read("hello")).payload;
  expect(hello).toMatchObject({ identifier, hasSecret: false, hasKeyPair: true, protocolVersion: "1" });
  expect((await stat(stateFile)).mode & 0o777).toBe(0o600);

  connection.send(says.helloAck("pair_required"));
  connection.send(says.pairRequest("pending"));
  connection.send(says.pairRequest("pending"));
  connection.send(says.pairRequest("sent"));
  await new Promise((resolve) => first.on("pairing", (info) => info.adminNotification === "sent" && resolve(info)));
  expect(asked.map((info) => info.adminNotification)).toEqual(["pending", "sent"]);
  const raw = decodeBase64Strict(hello.publicKey ?? "", LIMITS.publicKeyBytes) ?? new Uint8Array();
  expect(asked[0]?.fingerprint).toBe(keyFingerprint(raw));
  expect(first.fingerprint).toBe(asked[0]?.fingerprint);

  const pairing = first.pair(" 7K3M-9QXV ");
  expect((await connection.read("pair_confirm")).payload.pairingCode).toBe("7K3M-9QXV");
  connection.send(says.pairSuccess());
  await pairing;
  expect(JSON.parse(await readFile(stateFile, "utf8"))).toMatchObject({
    secret: "fresh-secret",
    pairedAt: 1790000000,
  });

  const proof = (await connection.read("auth_request")).payload;
  expect(
    verifyProof({
      publicKey: hello.publicKey ?? "",
      secret: "fresh-secret",
      nonce: proof.nonce,
      timestamp: proof.proofTimestamp,
      signature: proof.signature,
    }),
  ).toBe(true);
  connection.send(says.authSuccess());
  await connected;
  expect(first.status).toBe("online");
  await first.close();

  const second = node.follower({ stateFile });
  const again = second.connect();
  const next = await node.stub.nextConnection();
  expect((await next.read("hello")).payload).toMatchObject({ hasSecret: true, publicKey: hello.publicKey });
  next.send(says.helloAck("auth_required"));
  await next.read("auth_request");
  next.send(says.authSuccess());
  await again;
});

test("a wrong code keeps the pairing, and the right one after it pairs", async () => {
  const state = createMemoryState();
  const made = node.follower({ state });
  const connection = await node.pairing(made);
  const wrong = made.pair("AAAA-AAAA");
  await connection.read("pair_confirm");
  connection.send(says.pairFailed("invalid_code"));
  await expect(wrong).rejects.toMatchObject({ code: "pair_failed", reason: "invalid_code", pairingOpen: true });
  expect(made.state.phase).toBe("pairing");
  const right = made.pair("BBBB-BBBB");
  await connection.read("pair_confirm");
  connection.send(says.pairSuccess());
  await right;
  expect(state.saved?.secret).toBe("fresh-secret");
});

test("a code is refused without being sent when no pairing is open, while another is looked at, or when it cannot be one", async () => {
  const made = node.follower({ state: createMemoryState() });
  await expect(made.pair("AAAA-AAAA")).rejects.toMatchObject({ reason: "no_pairing_open" });
  const connection = await node.pairing(made);
  for (const nothing of ["", "  ", "A\nB", "A".repeat(65)]) {
    await expect(made.pair(nothing)).rejects.toMatchObject({ reason: "invalid_code" });
  }
  const first = made.pair("AAAA-AAAA");
  await expect(made.pair("BBBB-BBBB")).rejects.toMatchObject({ reason: "no_pairing_open" });
  expect((await connection.read("pair_confirm")).payload.pairingCode).toBe("AAAA-AAAA");
  connection.send(says.pairSuccess());
  await first;
});

test("an error in answer to a code leaves the pairing open", async () => {
  const made = node.follower({ state: createMemoryState() });
  const connection = await node.pairing(made);
  const busy = made.pair("AAAA-AAAA");
  await connection.read("pair_confirm");
  connection.send({ type: "error", payload: { code: "OVERLOADED", message: "Later." } });
  await expect(busy).rejects.toMatchObject({ reason: "refused_for_now", pairingOpen: true });
  expect(made.state.phase).toBe("pairing");
});

test("a pairing that is over rejects its code, and the next connection asks for another", async () => {
  const made = node.follower({ state: createMemoryState(), reconnect: { minMs: 1, maxMs: 1 } });
  const connection = await node.pairing(made);
  const late = made.pair("AAAA-AAAA");
  await connection.read("pair_confirm");
  connection.send(says.pairFailed("too_many_attempts"));
  await expect(late).rejects.toMatchObject({ reason: "too_many_attempts", pairingOpen: false });
  connection.close("rate_limited");
  const next = await node.stub.nextConnection();
  expect((await next.read("hello")).payload.hasSecret).toBe(false);
});

test("a pairing whose connection breaks after the code rejects, and the old secret is no longer claimed", async () => {
  const state = createMemoryState(pairedState);
  const made = node.follower({ state, reconnect: { minMs: 1, maxMs: 1 } });
  const connection = await node.pairing(made);
  const lost = made.pair("AAAA-AAAA");
  await connection.read("pair_confirm");
  expect(state.saved?.secret).toBeUndefined();
  connection.cut();
  await expect(lost).rejects.toMatchObject({ reason: "connection_lost" });
  const next = await node.stub.nextConnection();
  expect((await next.read("hello")).payload).toMatchObject({ hasSecret: false, publicKey: pairedState.publicKey });
});

test("a secret that cannot be saved rejects the pairing and stops the follower", async () => {
  const state = createMemoryState();
  const full = {
    ...state,
    save: (saved: SavedState) =>
      saved.secret === undefined
        ? state.save(saved)
        : Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" })),
  };
  const made = node.follower({ state: full });
  const connection = await node.pairing(made);
  const stopped = made.connect();
  const unsaved = made.pair("AAAA-AAAA");
  await connection.read("pair_confirm");
  connection.send(says.pairSuccess());
  await expect(unsaved).rejects.toMatchObject({ reason: "secret_not_saved" });
  await expect(stopped).rejects.toMatchObject({ code: "state_not_saved", reason: "ENOSPC" });
});

test("a cleared trust drops the secret, stops with what to do, and the next connect begins a pairing", async () => {
  const state = createMemoryState(pairedState);
  const made = node.follower({ state });
  const connection = await node.session(made);
  const stopped = new Promise((resolve) => made.on("stopped", resolve));
  connection.send({ type: "re_pair_required", payload: { identifier, reason: "trust_revoked" } });
  connection.send({ type: "disconnect_notice", payload: { identifier, reason: "trust_revoked" } });
  connection.close("trust_revoked");
  expect(await stopped).toMatchObject({ code: "trust_revoked", whatToDo: expect.stringMatching(/pair again/) });
  expect(state.saved?.secret).toBeUndefined();
  expect(state.saved?.publicKey).toBe(pairedState.publicKey);
  const next = await node.pairing(made);
  const pairing = made.pair("AAAA-AAAA");
  await next.read("pair_confirm");
  next.send(says.pairSuccess());
  await pairing;
});
