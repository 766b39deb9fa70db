// A program that a person signs in to: @azure/identity with a browser or a device code. It
// prints where the person has to go (OPEN by the program that opens browsers, MESSAGE), and
// what it got (RESULT, JSON).
import { DeviceCodeCredential, InteractiveBrowserCredential } from "@azure/identity";

const authority = { authorityHost: process.env.SEALRING_AUTHORITY, disableInstanceDiscovery: true };
const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());

const credential =
  process.argv[2] === "browser"
    ? new InteractiveBrowserCredential({ ...authority, clientId: "04b07795-8ddb-461a-bbee-02f9e1bf7b46", redirectUri: "http://localhost" })
    : new DeviceCodeCredential({ ...authority, userPromptCallback: ({ message }) => console.log("MESSAGE", message) });

try {
  const scope = "https://management.core.windows.net//.default";
  const { token } = await credential.getToken(scope);
  const again = await credential.getToken(scope);
  const other = await credential.getToken("https://graph.microsoft.com/.default");
  const { oid, tid, aud, upn } = claims(token);
  console.log("RESULT", JSON.stringify({ oid, tid, aud, username: upn, hit: again.token === token, others: [claims(other.token).aud] }));
} catch (e) {
  console.log("RESULT", JSON.stringify({ error: String(e) }));
}
process.exit(0);
