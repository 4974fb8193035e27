import type { Decision, DecisionResult, SessionInfo } from "../liveMessages.ts";

/** What the coordinator said in place of doing what was asked. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

const UNREACHABLE = "The coordinator does not answer: look at it, and try again.";

/** Who is signed in. @throws Refused with status 401 when nobody is, 0 when the coordinator does not answer. */
export async function readSession(): Promise<SessionInfo> {
  return ask<SessionInfo>("api/session");
}

/** @throws Refused with a sentence that says why. */
export async function signIn(link: string): Promise<SessionInfo> {
  return ask<SessionInfo>("api/sign-in", { link });
}

export async function signOut(csrf: string): Promise<void> {
  await ask<object>("api/sign-out", {}, csrf);
}

/** Decides of exactly the pairing that was shown. @throws Refused with a sentence that says why. */
export async function decide(decision: Decision, csrf: string): Promise<DecisionResult> {
  return ask<DecisionResult>("api/decide", decision, csrf);
}

async function ask<T>(path: string, body?: object, csrf = ""): Promise<T> {
  const post = {
    method: "POST",
    headers: { "content-type": "application/json", "x-yonexus-csrf": csrf },
    body: JSON.stringify(body),
  };
  const response = await fetch(path, body === undefined ? {} : post).catch(() => undefined);
  if (response === undefined) throw new Refused(0, UNREACHABLE);
  if (!response.ok) throw new Refused(response.status, (await response.text()).trim() || UNREACHABLE);
  return (await response.json()) as T;
}
