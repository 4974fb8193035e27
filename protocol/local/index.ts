export { writeFileAtomically } from "../client/atomicFile.ts";
export * from "./clusterFile.ts";
export { type DataDir, openDataDir } from "./dataDir.ts";
export { type FolderLock, lockFolder } from "./folderLock.ts";
export { LocalError } from "./localError.ts";
export { type LocalRedis, type MemoryServer, planLocalRedis } from "./localRedis.ts";
export * from "./managedProcess.ts";
export { loadMasterKey } from "./masterKey.ts";
export { findRedisBinary, OLDEST_REDIS, type RedisBinary } from "./redisBinary.ts";
