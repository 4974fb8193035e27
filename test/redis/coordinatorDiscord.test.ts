import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DiscordNotifier } from "../../coordinator/notifications/discord.ts";
import { NoticeDeliveryError, type OperatorNotice } from "../../coordinator/notifications/notifier.ts";
import { type DiscordRecorder, type RecordedReply, startDiscordRecorder } from "../support/discordRecorder.ts";

const TOKEN = "bot-token-that-must-not-leak";
const CODE = "7K3M-9QXZ";
const ADMIN = "123456789012345678";

const notice: OperatorNotice = {
  kind: "pairing",
  id: "pairing-1",
  minutesLeft: 5,
  pairing: {
    pairingId: "pairing-1",
    identifier: "alpha",
    fingerprint: "0011-2233",
    code: CODE,
    address: "203.0.113.7",
    expiresAt: 1_800_000_000_000,
  },
};

let discord: DiscordRecorder;
let stop: AbortController;

beforeEach(async () => {
  discord = await startDiscordRecorder();
  stop = new AbortController();
});
afterEach(() => discord.stop());

function notifier(timeoutMs = 2_000, apiUrl = discord.url, buttons = false): DiscordNotifier {
  return new DiscordNotifier({ apiUrl, botToken: TOKEN, adminUserId: ADMIN, buttons, timeoutMs, signal: stop.signal });
}

async function failureOf(sending: Promise<void>): Promise<NoticeDeliveryError> {
  const error = await sending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof NoticeDeliveryError)) throw new Error("The notice was taken.", { cause: error });
  expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toMatch(new RegExp(`${TOKEN}|${CODE}`));
  return error;
}

describe("a notice over Discord", () => {
  it("opens the conversation with the admin and posts there, with a nonce that Discord enforces", async () => {
    await notifier().send(notice);
    const [opening, posting] = discord.requests;
    expect([opening?.method, opening?.path, opening?.body]).toEqual([
      "POST",
      "/users/@me/channels",
      { recipient_id: ADMIN },
    ]);
    expect([posting?.method, posting?.path]).toEqual(["POST", "/channels/90001/messages"]);
    expect(posting?.headers.authorization).toBe(`Bot ${TOKEN}`);
    expect(posting?.body).toMatchObject({ nonce: "pairing-1", enforce_nonce: true, allowed_mentions: { parse: [] } });
    expect(discord.codes()).toEqual(new Map([["alpha", CODE]]));
  });

  it("has the buttons of its pairing when somebody answers them, without the code, and none otherwise", async () => {
    const fingerprint = "313c-9dea-6888-b110-ef90-6839-f8e8-24e2";
    const shown = { ...notice, pairing: { ...notice.pairing, fingerprint, pairingId: "0a1b2c3d4e5f6g7h8j9k" } };
    await notifier(2_000, discord.url, true).send(shown);
    await notifier(2_000, discord.url, false).send({ ...shown, id: "pairing-2" });
    const [withButtons, without] = discord.requests.filter(({ path }) => path.endsWith("/messages"));
    const rows = JSON.stringify(withButtons?.body?.components);
    expect(rows).toMatch(/"label":"Approve".*"label":"Deny"/);
    expect(rows).not.toContain(CODE);
    expect(without?.body).not.toHaveProperty("components");
    expect(without?.body?.content).not.toContain("press");
  });

  it("opens the conversation once", async () => {
    const client = notifier();
    await client.send(notice);
    await client.send({ ...notice, id: "pairing-2" });
    expect(discord.requests.map(({ path }) => path)).toEqual([
      "/users/@me/channels",
      "/channels/90001/messages",
      "/channels/90001/messages",
    ]);
  });

  it("opens it anew when the kept one is gone", async () => {
    const client = notifier();
    await client.send(notice);
    discord.respondWith([{ status: 404, body: { code: 10003 } }]);
    await client.send({ ...notice, id: "pairing-2" });
    expect(discord.requests.slice(2).map(({ path }) => path)).toEqual([
      "/channels/90001/messages",
      "/users/@me/channels",
      "/channels/90001/messages",
    ]);
    expect(discord.messages()).toHaveLength(2);
  });

  it.each<[string, RecordedReply, object]>([
    [
      "a refused token",
      { status: 401, body: { code: 0, message: "401: Unauthorized" } },
      { status: 401, discordCode: 0 },
    ],
    ["a closed door", { status: 403, body: { code: 50007 } }, { status: 403, discordCode: 50007 }],
    ["an unknown user", { status: 404, body: { code: 10013 } }, { status: 404, discordCode: 10013 }],
    [
      "a bad request",
      { status: 400, body: { code: 50035, errors: { content: CODE } } },
      { status: 400, discordCode: 50035 },
    ],
    ["a redirect", { status: 307, headers: { location: "http://127.0.0.1:9/" } }, { status: 307 }],
    ["a fault of Discord's", { status: 503, body: "upstream connect error" }, { status: 503 }],
    ["an endless error page", { status: 500, body: "x".repeat(200_000) }, { status: 500 }],
    ["a code that is no number", { status: 403, body: { code: "50007" } }, { status: 403 }],
    ["a list for a body", { status: 403, body: [50007] }, { status: 403 }],
  ])("tells of %s by numbers alone", async (_what, reply, failure) => {
    discord.respondWith(() => reply);
    expect((await failureOf(notifier().send(notice))).failure).toEqual(failure);
  });

  it.each<[string, RecordedReply, number | undefined]>([
    ["seconds with a fraction in the body", { status: 429, body: { retry_after: 1.337, global: false } }, 1_337],
    [
      "the header alone, as a proxy answers",
      { status: 429, headers: { "retry-after": "7" }, body: "slow down" },
      7_000,
    ],
    ["the body before the header", { status: 429, headers: { "retry-after": "7" }, body: { retry_after: 2 } }, 2_000],
    [
      "nothing that can be read",
      { status: 429, headers: { "retry-after": "soon" }, body: { retry_after: "x" } },
      undefined,
    ],
    ["less than nothing", { status: 429, body: { retry_after: -3 } }, undefined],
  ])("reads a rate limit's wait from %s", async (_where, reply, retryAfterMs) => {
    discord.respondWith(() => reply);
    const { failure } = await failureOf(notifier().send(notice));
    expect(failure.status).toBe(429);
    expect(failure.retryAfterMs).toBe(retryAfterMs);
  });

  it("gives up a request that takes too long", async () => {
    discord.respondWith(() => "hang");
    const error = await failureOf(notifier(50).send(notice));
    expect(error.failure).toEqual({});
    expect(error.message).toBe("Discord did not answer: it took too long.");
  });

  it("ends the request when the process stops", async () => {
    discord.respondWith(() => {
      stop.abort();
      return "hang";
    });
    expect((await failureOf(notifier(60_000).send(notice))).message).toContain("this process stops");
  });

  it("says what kept it from reaching Discord", async () => {
    const url = discord.url;
    await discord.stop();
    expect((await failureOf(notifier(2_000, url).send(notice))).message).toContain("ECONNREFUSED");
    discord = await startDiscordRecorder();
  });

  it("posts nowhere when the answer names no conversation", async () => {
    discord.respondWith(() => ({ status: 200, body: { id: "../../oauth2" } }));
    await failureOf(notifier().send(notice));
    expect(discord.requests).toHaveLength(1);
  });
});
