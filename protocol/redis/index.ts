export { unlessAborted } from "./aborting.ts";
export { type AllowlistSource, isSource } from "./allowlistSources.ts";
export * from "./attemptStore.ts";
export * from "./auditTail.ts";
export * from "./backlogs.ts";
export * from "./clock.ts";
export * from "./connection.ts";
export * from "./connectionFailure.ts";
export * from "./connectionGroup.ts";
export * from "./consoleAccess.ts";
export * from "./deadLetters.ts";
export type { DueFollower } from "./dueFollowers.ts";
export * from "./enqueueBatch.ts";
export * from "./errors.ts";
export * from "./followerDirectory.ts";
export * from "./interactionStore.ts";
export * from "./keys.ts";
export * from "./livenessIndex.ts";
export * from "./messageIds.ts";
export * from "./messageQueue.ts";
export * from "./messageRecord.ts";
export * from "./messageSender.ts";
export * from "./nodeMessages.ts";
export * from "./nodeStore.ts";
export * from "./openCluster.ts";
export * from "./outageLog.ts";
export {
  type ApprovalOutcome,
  type ConfirmedPairing,
  type DenialOutcome,
  type GrantedPairing,
  type OpenedPairing,
  PAIRING_LIMITS,
  type PairingLimits,
  type PairingNotice,
  type PairingWaiter,
  type PendingPairing,
  SHORT_PAIRING_ID,
} from "./pairingRecord.ts";
export * from "./pairingStore.ts";
export * from "./queueIndex.ts";
export * from "./queueLimits.ts";
export * from "./queues.ts";
export * from "./recentMessages.ts";
export * from "./redisUrl.ts";
export * from "./refusal.ts";
export * from "./ruleAnswers.ts";
export * from "./ruleConsumer.ts";
export * from "./ruleInbox.ts";
export { RuleHeldError } from "./ruleLease.ts";
export * from "./ruleStore.ts";
export * from "./schemaVersion.ts";
export * from "./sealedSecrets.ts";
export * from "./sealing.ts";
export * from "./sealingKeys.ts";
export { checkSend, type SendOptions } from "./sendOptions.ts";
export type * from "./sendResult.ts";
export * from "./sessionStore.ts";
export type { SettingNames } from "./settingNames.ts";
export * from "./settleBatch.ts";
export { parseStatusChange, type StatusChange, StatusChanges, type StatusListener } from "./statusChanges.ts";
export * from "./subscriber.ts";
export * from "./trustStore.ts";
export * from "./trustTransfer.ts";
