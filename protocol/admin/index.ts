export type { AdminResponse } from "./adminAnswer.ts";
export { AdminError, AdminListenError } from "./adminError.ts";
export type { AdminRequest } from "./adminRequest.ts";
export { AdminServer, type AdminServerOptions, type AdminUpgrade } from "./adminServer.ts";
export type { AdminMethod, AdminPath, AdminRoute } from "./routes.ts";
export { SourceAddresses } from "./sourceAddress.ts";
