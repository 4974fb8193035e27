// A whole plugin that answers `ping::…` from any Yonexus follower. Copy this folder into <profile>/extensions/answer-ping and set
// plugins.entries.answer-ping.enabled to true. Several gateways may run it: each message is answered by one of them.
import { definePluginEntry } from "openclaw/plugin-sdk/plugin-entry";

/**
 * Registers with the Yonexus plugin of this gateway, whichever of the two is loaded first, and again whenever either is reloaded.
 * @param owner this plugin's id: gateways whose plugins have the same owner share their rules
 * @param setup is given the interface each time; what it registers is dropped by itself before it is run again
 * @returns what ends the registrations
 */
function useYonexus(owner, setup) {
  const key = Symbol.for("yonexus-server.v1");
  globalThis[key] ??= { setups: new Map() };
  const hub = globalThis[key];
  hub.setups.set(owner, setup);
  hub.changed?.(owner);
  return () => {
    if (hub.setups.get(owner) !== setup) return;
    hub.setups.delete(owner);
    hub.changed?.(owner);
  };
}

export default definePluginEntry({
  id: "answer-ping",
  name: "Answer ping",
  description: "Answers what Yonexus followers send under the rule ping.",
  register(api) {
    let leave;
    api.on("gateway_start", () => {
      leave = useYonexus("answer-ping", (yonexus) => {
        // What the handler returns is queued for the follower that asked: pong-text goes back as `ping::pong …`.
        yonexus.registerRule("ping", ({ identifier, content }) => `pong ${content}, ${identifier}`);

        // Every gateway hears of it: with an id of its own the message is queued once, whoever is first.
        yonexus.onClientAuthenticated(async ({ identifier, at }) => {
          const options = { delivery: "queued", ttlMs: 60_000, messageId: `welcome-${at}` };
          const sent = await yonexus.sendMessageToClient(identifier, "welcome::hello", options);
          api.logger.info(`answer-ping: welcomed ${identifier}: ${sent.result}`);
        });
        yonexus.onStatusChange(({ identifier, status, reason }) => {
          api.logger.info(`answer-ping: ${identifier} is ${status} (${reason})`);
        });
      });
    });
    api.on("gateway_stop", () => leave?.());
  },
});
