import { Command } from "commander";
import { explainFailure } from "./cli/failure.ts";
import { complain, flushOutput, onOutputLost } from "./cli/output.ts";
import { addAllowCommand } from "./commands/allow.ts";
import { addApproveCommand } from "./commands/approve.ts";
import { addClientCommand } from "./commands/client.ts";
import { addClientsCommand } from "./commands/clients.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addConsoleCommand } from "./commands/console.ts";
import { addCoordinatorCommand } from "./commands/coordinator.ts";
import { addDeadLettersCommand } from "./commands/deadLetters.ts";
import { addDenyCommand } from "./commands/deny.ts";
import { addDoctorCommand } from "./commands/doctor.ts";
import { addEmbeddedRedisCommand } from "./commands/embeddedRedis.ts";
import { addEventsCommand } from "./commands/events.ts";
import { addFollowCommand } from "./commands/follow.ts";
import { addKeysCommand } from "./commands/keys.ts";
import { addListenCommand } from "./commands/listen.ts";
import { addMessageCommand } from "./commands/message.ts";
import { addNodeCommand } from "./commands/node.ts";
import { addPairingsCommand } from "./commands/pairings.ts";
import { addRepairCommand } from "./commands/repair.ts";
import { addRevokeCommand } from "./commands/revoke.ts";
import { addSendCommand } from "./commands/send.ts";
import { addTopCommand } from "./commands/top.ts";
import { addTrustCommand } from "./commands/trust.ts";
import { addUpCommand } from "./commands/up.ts";
import description from "./package.json" with { type: "json" };

function createProgram(): Command {
  const program = new Command("yonexus")
    .description("A cluster that lets many OpenClaw gateways talk to a central one.")
    .version(description.version)
    .exitOverride()
    // What was typed wrongly is told in one sentence of ours, in one place.
    .configureOutput({ outputError: () => {} })
    .addHelpText("after", "\nExample:\n  yonexus up\n  yonexus allow add alpha\n  yonexus send alpha 'chat::hello'");
  addUpCommand(program);
  addNodeCommand(program);
  addCoordinatorCommand(program);
  addAllowCommand(program);
  addPairingsCommand(program);
  addApproveCommand(program);
  addDenyCommand(program);
  addClientsCommand(program);
  addClientCommand(program);
  addTopCommand(program);
  addEventsCommand(program);
  addRepairCommand(program);
  addRevokeCommand(program);
  addSendCommand(program);
  addMessageCommand(program);
  addListenCommand(program);
  addDeadLettersCommand(program);
  addFollowCommand(program);
  addTrustCommand(program);
  addConsoleCommand(program);
  addKeysCommand(program);
  addDoctorCommand(program);
  addCompletionCommand(program);
  addEmbeddedRedisCommand(program);
  return program;
}

async function run(argv: readonly string[]): Promise<number> {
  const program = createProgram();
  try {
    await program.parseAsync([...argv]);
    return 0;
  } catch (error) {
    const typed = program.commands.find((command) => command.name() === argv[2])?.name();
    const { exitCode, sentence } = explainFailure(error, typed);
    if (sentence !== undefined) complain(sentence);
    return exitCode;
  }
}

let lostOutput: string | undefined;
onOutputLost((code) => {
  lostOutput = code;
});
let exitCode = await run(process.argv);
await flushOutput();
if (lostOutput !== undefined) {
  complain(`What was to be printed is lost (${lostOutput}): make room for it, and run this again.`);
  exitCode ||= 1;
}
// Without waiting for what may still hold the process open: the work is done.
process.exit(exitCode);
