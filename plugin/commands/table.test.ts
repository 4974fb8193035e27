import { describe, expect, it } from "vitest";
import { COMMANDS, findCommand, unknownCommandText, usageText } from "./table.ts";

describe("the operator's commands", () => {
  it.each([
    ["rePairClient", "rePairClient"],
    ["re-pair-client", "rePairClient"],
    ["REPAIR", "rePairClient"],
    ["clients", "listClients"],
    ["list_clients", "listClients"],
    ["pending", "listPairings"],
    ["approve", "approveClient"],
    ["deny-client", "denyClient"],
  ])("are found as %s", (word, name) => {
    expect(findCommand(word)?.name).toBe(name);
  });

  it("have names and aliases of one command each", () => {
    const words = COMMANDS.flatMap(({ name, aliases }) => [name, ...aliases]).map((word) => word.toLowerCase());
    expect(new Set(words).size).toBe(words.length);
  });

  it("are listed with what they take and do, as they are typed there", () => {
    expect(usageText("chat")).toContain("/yonexus showClient <identifier> — ");
    expect(usageText("cli")).toContain("openclaw yonexus rePairClient <identifier> — ");
  });

  it("answer a mistyped one with the one that was meant", () => {
    expect(unknownCommandText("chat", "listClint")).toContain("Did you mean /yonexus listClients?");
    expect(unknownCommandText("chat", "x".repeat(500)).length).toBeLessThan(1_000);
  });
});
