// Makes the calls that an ordinary JavaScript program makes with Azure Identity, MSAL and
// the Key Vault client, and prints one JSON line about how it ended. e2e/clients/README.md
// describes the commands, which four languages share.

import { readFile } from "node:fs/promises";
import {
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
  ManagedIdentityCredential,
  WorkloadIdentityCredential,
} from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import { ManagedIdentityApplication } from "@azure/msal-node";
import { createRemoteJWKSet, customFetch, jwtVerify } from "jose";
import { EnvHttpProxyAgent, fetch } from "undici";
import { Life, refused } from "./life.mjs";

const usage = `usage:
  client.mjs secret VAULT-URL NAME [clientid=ID]
  client.mjs token mic|dac|msal SCOPE [client_id=ID|object_id=ID|resource_id=ID]
  client.mjs secretcred TENANT CLIENT-ID SECRET-FILE SCOPE
  client.mjs certcred TENANT CLIENT-ID PEM-FILE SCOPE
  client.mjs workload TENANT CLIENT-ID TOKEN-FILE SCOPE
  client.mjs assertion TENANT CLIENT-ID TOKEN-FILE SCOPE
  client.mjs identityassertion TENANT CLIENT-ID IDENTITY-CLIENT-ID SCOPE
  client.mjs verify ISSUER-URL AUDIENCE TOKEN-FILE...
  client.mjs secretlife VAULT-URL NAME-PREFIX
  client.mjs secretdelete VAULT-URL NAME
  client.mjs armlife RESOURCE-MANAGER-URL SUBSCRIPTION TENANT NUMBER`;

// Keeps refusals quick: one repetition, after at most a second. A public option.
const retryOptions = { maxRetries: 1, retryDelayInMs: 200, maxRetryDelayInMs: 1000 };

// selector reads the optional last argument, for example client_id=… .
function selector(rest) {
  const [kind = "", ...value] = (rest[0] ?? "").split("=");
  return [kind.replaceAll("_", ""), value.join("=")];
}

// credential makes a ManagedIdentityCredential or a DefaultAzureCredential.
function credential(how, [kind, value]) {
  if (how === "dac") {
    return new DefaultAzureCredential(
      kind === "clientid" ? { retryOptions, managedIdentityClientId: value } : { retryOptions },
    );
  }
  const names = { clientid: "clientId", objectid: "objectId", resourceid: "resourceId" };
  return new ManagedIdentityCredential(kind ? { retryOptions, [names[kind]]: value } : { retryOptions });
}

// token asks a credential for a token.
async function token(cred, scope) {
  const t = await cred.getToken(scope);
  return { ok: true, token: t.token, expires_on: Math.floor(t.expiresOnTimestamp / 1000) };
}

// msalToken asks MSAL's own managed-identity client.
async function msalToken(scope, [kind, value]) {
  const names = {
    clientid: "userAssignedClientId",
    objectid: "userAssignedObjectId",
    resourceid: "userAssignedResourceId",
  };
  const app = new ManagedIdentityApplication(
    kind ? { managedIdentityIdParams: { [names[kind]]: value } } : {},
  );
  const t = await app.acquireToken({ resource: scope.replace(/\/\.default$/, "") });
  return { ok: true, token: t.accessToken, expires_on: Math.floor(t.expiresOn.getTime() / 1000) };
}

// secretClient makes a client that signs in with DefaultAzureCredential.
function secretClient(vault, by) {
  return new SecretClient(vault, credential("dac", by), { retryOptions });
}

// secret reads a secret.
async function secret(vault, name, by) {
  return { ok: true, value: (await secretClient(vault, by).getSecret(name)).value };
}

// verify checks tokens, one after the other, with what the issuer publishes and nothing else. The fetch built
// into this version of Node does not know HTTPS_PROXY; the one of its own library does.
async function verify(issuer, audience, files) {
  const dispatcher = new EnvHttpProxyAgent();
  const viaProxy = (url, options) => fetch(url, { ...options, dispatcher });
  const response = await viaProxy(issuer.replace(/\/$/, "") + "/.well-known/openid-configuration");
  const discovery = await response.json();
  if (discovery.issuer !== issuer) {
    throw new Error(`discovery of ${issuer} names the issuer ${discovery.issuer}`);
  }
  const keys = createRemoteJWKSet(new URL(discovery.jwks_uri), { [customFetch]: viaProxy });
  let claims;
  for (const file of files) {
    const text = (await readFile(file, "ascii")).trim();
    const verified = await jwtVerify(text, keys, {
      issuer,
      audience,
      algorithms: ["RS256"],
      requiredClaims: ["exp", "nbf", "iat"],
    });
    claims = verified.payload;
  }
  return { ok: true, claims };
}

// commands are what can be asked for, with the number of arguments each needs.
const commands = {
  secret: [2, ([vault, name, ...rest]) => secret(vault, name, selector(rest))],
  token: [
    2,
    ([how, scope, ...rest]) =>
      how === "msal" ? msalToken(scope, selector(rest)) : token(credential(how, selector(rest)), scope),
  ],
  secretcred: [
    4,
    async ([tenant, client, file, scope]) =>
      token(new ClientSecretCredential(tenant, client, (await readFile(file, "utf8")).trim()), scope),
  ],
  certcred: [
    4,
    ([tenant, client, certificatePath, scope]) =>
      token(new ClientCertificateCredential(tenant, client, { certificatePath }), scope),
  ],
  workload: [
    4,
    ([tenantId, clientId, tokenFilePath, scope]) =>
      token(new WorkloadIdentityCredential({ tenantId, clientId, tokenFilePath }), scope),
  ],
  assertion: [
    4,
    ([tenant, client, file, scope]) =>
      token(new ClientAssertionCredential(tenant, client, async () => (await readFile(file, "ascii")).trim()), scope),
  ],
  identityassertion: [
    4,
    ([tenant, client, identity, scope]) => {
      const mic = credential("mic", ["clientid", identity]);
      const ask = async () => (await mic.getToken("api://AzureADTokenExchange/.default")).token;
      return token(new ClientAssertionCredential(tenant, client, ask), scope);
    },
  ],
  secretlife: [
    2,
    async ([vault, prefix]) => ({ ok: true, steps: await new Life(secretClient(vault, []), prefix).run() }),
  ],
  secretdelete: [
    2,
    async ([vault, name]) => ({ ok: true, steps: await new Life(secretClient(vault, []), "").onlyDelete(name) }),
  ],
  armlife: [
    4,
    async ([manager, subscription, tenant, number]) => {
      const { Management } = await import("./armlife.mjs"); // half a second to load: only where it is needed
      const run = new Management(credential("dac", []), manager, subscription, tenant, number, retryOptions);
      return { ok: true, steps: await run.run() };
    },
  ],
  verify: [3, ([issuer, audience, ...files]) => verify(issuer, audience, files)],
};

// refusal tells how a call failed: type, HTTP status and code where the SDK gives them.
function refusal(e) {
  return { ok: false, type: e.name ?? typeof e, ...refused(e), message: String(e.message ?? e) };
}

const [command, ...args] = process.argv.slice(2);
const [need, run] = commands[command] ?? [];
if (!run || args.length < need) {
  console.error(usage);
  process.exit(2);
}
let result;
try {
  result = await run(args);
} catch (e) {
  result = refusal(e);
}
console.log(JSON.stringify(result));
