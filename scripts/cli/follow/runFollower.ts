import { createInterface } from "node:readline";
import { createFollower, type Follower, FollowerStoppedError, StateFileError } from "@yonexus/protocol/client";
import { type ApplicationFrame, splitApplication } from "@yonexus/protocol/wire/basics";
import { CliError } from "../cliError.ts";
import { complain, onReaderGone, print, printJson } from "../output.ts";
import { onStopSignal } from "../stopSignals.ts";
import { eventText, SHOWN_EVENTS, type ShownEvent } from "./followerScreen.ts";

interface FollowerPlace {
  readonly url: readonly string[];
  readonly identifier: string;
  readonly stateFile: string;
}

/** A follower at this terminal, until it is told to end. @throws CliError when the server does not let it come back. */
export async function runFollower(place: FollowerPlace, json: boolean): Promise<void> {
  const follower = createFollower(place);
  const ended = Promise.withResolvers<void>();
  showEvents(follower, place.identifier, json);
  follower.on("stopped", ({ code, reason, whatToDo }) => {
    ended.reject(new CliError(`${place.identifier} was stopped (${code}: ${reason}). ${whatToDo}`));
  });
  follower.connect().catch((error: unknown) => ended.reject(asCliError(error)));
  onStopSignal({ stop: ended.resolve, force: () => process.exit(1) });
  onReaderGone(ended.resolve);
  const input = readLines(follower, json);
  // A person who ends the input at a terminal means to leave; a program may have nothing to say.
  input.done.then(() => process.stdin.isTTY && ended.resolve(), ended.reject);
  try {
    await ended.promise;
  } finally {
    input.close();
    await follower.close();
  }
}

function showEvents(follower: Follower, identifier: string, json: boolean): void {
  for (const name of SHOWN_EVENTS) {
    follower.on(name, (value) => {
      if (json) {
        printJson({ event: name, ...value });
        return;
      }
      const text = eventText({ name, value } as ShownEvent, identifier, Date.now());
      if (text !== undefined) print(text);
    });
  }
}

function readLines(follower: Follower, json: boolean): { readonly done: Promise<void>; readonly close: () => void } {
  const lines = createInterface({ input: process.stdin, terminal: false, crlfDelay: Number.POSITIVE_INFINITY });
  const handle = async (): Promise<void> => {
    for await (const line of lines) {
      if (line.trim() !== "") await takeLine(follower, line, json);
    }
  };
  return { done: handle(), close: () => lines.close() };
}

/** A line is the code while one is asked for, else a message. It waits until it can be either. */
async function takeLine(follower: Follower, line: string, json: boolean): Promise<void> {
  try {
    if ((await inputPhase(follower)) === "pairing") {
      await follower.pair(line);
      return;
    }
    const message = splitApplication(line);
    if (message === undefined) {
      complain("That is not a message: type rule::content, for example chat::hello.");
      return;
    }
    await sendMessage(follower, message, json);
  } catch (error) {
    // What is wrong with one line does not end the follower; what ends it is told by its own event.
    complain(error instanceof Error ? error.message : String(error));
  }
}

async function sendMessage(follower: Follower, { rule, content }: ApplicationFrame, json: boolean): Promise<void> {
  try {
    const result = await follower.send(rule, content);
    if (json) printJson({ event: "sent", rule, ...result });
  } catch (error) {
    if (json && error instanceof Error && "code" in error) {
      printJson({
        event: "send_failed",
        rule,
        code: error.code,
        ...("messageId" in error ? { messageId: error.messageId } : {}),
      });
    }
    throw error;
  }
}

function inputPhase(follower: Follower): Promise<"pairing" | "authenticated"> {
  return new Promise((resolve) => {
    const look = (): boolean => {
      const { phase } = follower.state;
      if (phase !== "pairing" && phase !== "authenticated") return false;
      resolve(phase);
      return true;
    };
    if (look()) return;
    const forget = follower.on("state", () => {
      if (look()) forget();
    });
  });
}

function asCliError(error: unknown): unknown {
  return error instanceof FollowerStoppedError || error instanceof StateFileError
    ? new CliError(error.message, { cause: error })
    : error;
}
