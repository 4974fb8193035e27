export const NAME = "Yonexus Server";
export const DESCRIPTION =
  "Sees and reaches every follower of a Yonexus cluster: OpenClaw gateways on machines all over.";
//# sourceMappingURL=about.js.map
