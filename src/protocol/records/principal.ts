/** How a broker names a client to the controller when it forwards its request (KIP-590). */
import { boolean, message, string, struct } from "../schema.ts";

export const defaultPrincipalData = message({
  name: "DefaultPrincipalData",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ type: string, name: string, tokenAuthenticated: boolean }),
});
