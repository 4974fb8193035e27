import type { Config } from "../../config/index.ts";
import type { NextSteps } from "../nextSteps.ts";
import { broken, type Finding, ok, warning } from "./finding.ts";

const TIMEOUT_MS = 5_000;
const CHECK = "discord";

/** Whether Discord knows the bot's token. The token goes into the request and nowhere else. */
export async function checkDiscord(
  { discordApiUrl, notifyBotToken }: Pick<Config, "discordApiUrl" | "notifyBotToken">,
  next: NextSteps,
): Promise<Finding> {
  let status: number;
  try {
    const response = await fetch(`${discordApiUrl.replace(/\/+$/u, "")}/users/@me`, {
      headers: { authorization: `Bot ${notifyBotToken}` },
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    status = response.status;
    await response.body?.cancel();
  } catch {
    return broken(CHECK, `${discordApiUrl} does not answer`, `Mend the network, or ${next.setting("discordApiUrl")}.`);
  }
  return judgeDiscord(status, next);
}

export function judgeDiscord(status: number, next: NextSteps): Finding {
  if (status === 200) return ok(CHECK, "the bot's token is good");
  if (status === 401 || status === 403) {
    return broken(
      CHECK,
      "the bot's token is refused",
      `Copy it anew from the bot's page into ${next.setting("notifyBotToken")}.`,
    );
  }
  if (status === 429) return warning(CHECK, "too many requests at this moment", "Try again in a minute.");
  return warning(CHECK, `an answer that says nothing (HTTP ${status})`, "Try again in a minute.");
}
