import { AdminError, type AdminRequest, type AdminResponse } from "@yonexus/protocol/admin";
import type { Logger } from "@yonexus/protocol/log";
import type { InteractionStore, PairingStore } from "@yonexus/protocol/redis";
import { type PairingButton, readPairingButton } from "../notifications/pairingButtons.ts";
import { type DecisionOutcome, renderDecision } from "../notifications/renderDecision.ts";
import type { DiscordSignature } from "./discordSignature.ts";
import { parseInteraction, pong, replaceMessage, whisper } from "./interactionMessage.ts";
import { RefusalLog } from "./refusalLog.ts";

export interface InteractionParts {
  readonly signature: DiscordSignature;
  /** Who may press: nobody else. */
  readonly adminUserId: string;
  readonly interactions: Pick<InteractionStore, "note">;
  readonly pairings: Pick<PairingStore, "approve" | "deny" | "refuseDecider" | "lastId" | "find">;
  readonly logger: Logger;
  /** For tests that do not want to wait; else ANSWER_WITHIN_MS. */
  readonly answerWithinMs?: number;
}

/** Where Discord sends what is pressed: the application's Interactions Endpoint URL ends so. */
export const INTERACTIONS_PATH = "/discord/interactions";

/** Discord sends a few kilobytes: the message with the buttons is among them. */
const MAX_BODY_BYTES = 65_536;
/** Discord waits 3 s, its own way here and back among them (ms). */
const ANSWER_WITHIN_MS = 2_200;

const UNKNOWN_BUTTON = "This button is not known here: it may be of another release. Look with `yonexus pairings`.";
const NOTHING_HERE = "There is nothing here but the buttons under pairing notices.";
const NOT_YOURS = "Only the operator of this cluster may decide that. Nothing was changed.";
/** What is told of those that are refused. */
const REFUSALS = {
  forged: "A request that pretends to be Discord's was refused.",
  stale:
    "A request of Discord was refused, because its time and that of Redis differ: keep the clock of Redis in step (NTP).",
  repeated: "A request of Discord was refused, because it was heard before.",
  not_the_operator: "Somebody else than YONEXUS_ADMIN_USER_ID pressed a button; nothing was changed.",
};
const NO_ANSWER =
  "Redis did not answer in time, so it is not known whether that was done. Press again: twice does no harm.";

/**
 * What the operator presses under a notice in Discord. Each request is Discord's by its signature, of now, and heard once; the
 * pairing itself is looked up, so that nothing is decided but what the button was made for.
 */
export class DiscordInteractions {
  readonly #parts: InteractionParts;
  readonly #refusals: RefusalLog<keyof typeof REFUSALS>;

  constructor(parts: InteractionParts) {
    this.#parts = parts;
    this.#refusals = new RefusalLog<keyof typeof REFUSALS>(parts.logger, "interaction_refused", REFUSALS);
  }

  /** The route's handler. @throws AdminError 401 for what is not Discord's, or not of now, or a repetition; 400 for no interaction. */
  async answer(request: AdminRequest): Promise<AdminResponse> {
    const body = await request.body(MAX_BODY_BYTES);
    const timestamp = await this.#parts.signature.timestampOf(request.headers, body);
    if (timestamp === undefined) {
      this.#refusals.note("forged", { address: request.address });
      throw new AdminError(401, "The signature does not hold.");
    }
    const interaction = parseInteraction(body);
    if (interaction === undefined) throw new AdminError(400, "That is no interaction.");
    const answered = this.#decide(interaction, timestamp, request.address);
    return inTime(answered, this.#parts.answerWithinMs ?? ANSWER_WITHIN_MS, (error) => {
      this.#parts.logger.warn({ event: "interaction_unanswered", err: error }, NO_ANSWER);
      if (interaction.kind === "ping") throw new AdminError(503, "Redis does not answer: try it again.");
      return whisper(NO_ANSWER);
    });
  }

  async #decide(
    interaction: NonNullable<ReturnType<typeof parseInteraction>>,
    timestamp: number,
    address: string,
  ): Promise<AdminResponse> {
    const novelty = await this.#parts.interactions.note(interaction.id, timestamp);
    if (novelty.outcome !== "new") {
      this.#refusals.note(novelty.outcome, { ...novelty, address });
      throw new AdminError(
        401,
        novelty.outcome === "stale" ? "The request is not of now." : "The request was heard before.",
      );
    }
    switch (interaction.kind) {
      case "ping":
        return pong();
      case "other":
        return whisper(NOTHING_HERE);
      case "pressed":
        if (interaction.userId === this.#parts.adminUserId)
          return this.#press(interaction.customId, interaction.userId);
        await this.#refuseStranger(interaction.customId, interaction.userId);
        return whisper(NOT_YOURS);
    }
  }

  async #refuseStranger(customId: string, userId: string): Promise<void> {
    this.#refusals.note("not_the_operator", { userId });
    const button = readPairingButton(customId);
    if (button === undefined) return;
    await this.#parts.pairings.refuseDecider(
      button.identifier,
      button.fingerprint,
      button.action,
      deciderInDiscord(userId),
    );
  }

  async #press(customId: string, userId: string): Promise<AdminResponse> {
    const button = readPairingButton(customId);
    if (button === undefined) return whisper(UNKNOWN_BUTTON);
    const { identifier, fingerprint, action } = button;
    const { pairings, logger } = this.#parts;
    // The address that the operator was shown is of the pairing; of one that is over it is not known any more.
    const [pairingId, waiting] = await Promise.all([this.#fullId(button), pairings.find(identifier, fingerprint)]);
    const by = deciderInDiscord(userId);
    const { outcome }: { outcome: DecisionOutcome } =
      action === "approve"
        ? await pairings.approve(identifier, fingerprint, pairingId, by)
        : await pairings.deny(identifier, fingerprint, pairingId, by);
    logger.info(
      { event: "pairing_decided", action, outcome, identifier, fingerprint },
      "The operator decided about a pairing in Discord.",
    );
    const address = waiting?.pairingId === pairingId ? waiting.address : undefined;
    return replaceMessage(renderDecision({ action, outcome, identifier, fingerprint, address, userId }));
  }

  /** Of another pairing of the key, the beginning stays what it is: then the decision finds that it was replaced. */
  async #fullId({ identifier, fingerprint, pairingId }: PairingButton): Promise<string> {
    const last = await this.#parts.pairings.lastId(identifier, fingerprint);
    return last?.startsWith(pairingId) ? last : pairingId;
  }
}

/** The name of a user of Discord in the audit. */
function deciderInDiscord(userId: string): string {
  return `discord:${userId}`;
}

/** The answer, or the other one when it takes too long or fails. What is refused stays refused. */
async function inTime(
  answer: Promise<AdminResponse>,
  withinMs: number,
  late: (error: unknown) => AdminResponse,
): Promise<AdminResponse> {
  const { promise, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), withinMs);
  try {
    const first = await Promise.race([answer, promise]);
    if (first !== "late") return first;
    // It goes on, and nobody waits for it.
    answer.catch(() => {});
    return late(undefined);
  } catch (error) {
    if (error instanceof AdminError) throw error;
    return late(error);
  } finally {
    clearTimeout(timer);
  }
}
