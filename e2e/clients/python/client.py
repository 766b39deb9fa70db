"""Makes the calls that an ordinary Python program makes with Azure Identity, MSAL and the
Key Vault client, and prints one JSON line about how it ended. e2e/clients/README.md
describes the commands, which four languages share."""

import json
import sys
import time
import urllib.request

import life

USAGE = """usage:
  client.py secret VAULT-URL NAME [clientid=ID]
  client.py token mic|dac|msal SCOPE [client_id=ID|object_id=ID|resource_id=ID]
  client.py secretcred TENANT CLIENT-ID SECRET-FILE SCOPE
  client.py certcred TENANT CLIENT-ID PEM-FILE SCOPE
  client.py workload TENANT CLIENT-ID TOKEN-FILE SCOPE
  client.py assertion TENANT CLIENT-ID TOKEN-FILE SCOPE
  client.py identityassertion TENANT CLIENT-ID IDENTITY-CLIENT-ID SCOPE
  client.py verify ISSUER-URL AUDIENCE TOKEN-FILE...
  client.py secretlife VAULT-URL NAME-PREFIX
  client.py secretdelete VAULT-URL NAME
  client.py armlife RESOURCE-MANAGER-URL SUBSCRIPTION TENANT NUMBER"""

# Keeps refusals quick: one repetition, after at most a second. Public pipeline options.
RETRY = {"retry_total": 1, "retry_backoff_factor": 0.2, "retry_backoff_max": 1}


class MSALError(Exception):
    """MSAL returns failures as dictionaries; this makes them exceptions like the others."""

    def __init__(self, result):
        super().__init__(result.get("error_description") or result.get("error"))
        self.code = result.get("error")


def selector(rest):
    """Reads the optional last argument, for example client_id=… ."""
    kind, _, value = rest[0].partition("=") if rest else ("", "", "")
    return kind.replace("_", ""), value


def credential(how, by):
    """Makes a ManagedIdentityCredential or a DefaultAzureCredential."""
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    kind, value = by
    if how == "dac":
        named = {"managed_identity_client_id": value} if kind == "clientid" else {}
        return DefaultAzureCredential(**named, **RETRY)
    if kind == "clientid":
        return ManagedIdentityCredential(client_id=value, **RETRY)
    if kind == "objectid":
        return ManagedIdentityCredential(identity_config={"object_id": value}, **RETRY)
    if kind == "resourceid":
        return ManagedIdentityCredential(identity_config={"resource_id": value}, **RETRY)
    return ManagedIdentityCredential(**RETRY)


def answer_token(cred, scope):
    """Asks a credential for a token."""
    token = cred.get_token(scope)
    return {"ok": True, "token": token.token, "expires_on": int(token.expires_on)}


def msal_token(scope, by):
    """Asks MSAL's own managed-identity client."""
    import msal
    import requests

    kind, value = by
    identity = {
        "": lambda: msal.SystemAssignedManagedIdentity(),
        "clientid": lambda: msal.UserAssignedManagedIdentity(client_id=value),
        "objectid": lambda: msal.UserAssignedManagedIdentity(object_id=value),
        "resourceid": lambda: msal.UserAssignedManagedIdentity(resource_id=value),
    }[kind]()
    client = msal.ManagedIdentityClient(identity, http_client=requests.Session())
    result = client.acquire_token_for_client(resource=scope.removesuffix("/.default"))
    if "access_token" not in result:
        raise MSALError(result)
    return {"ok": True, "token": result["access_token"], "expires_on": int(time.time()) + int(result["expires_in"])}


def federated(how, tenant, client, by):
    """Makes a credential that proves itself by an assertion: a pod's, a pipeline's, or the
    token of a managed identity."""
    from azure.identity import ClientAssertionCredential, WorkloadIdentityCredential

    def read():
        with open(by, encoding="ascii") as f:
            return f.read().strip()

    if how == "workload":
        return WorkloadIdentityCredential(tenant_id=tenant, client_id=client, token_file_path=by, **RETRY)
    if how == "assertion":
        return ClientAssertionCredential(tenant, client, read, **RETRY)
    identity = credential("mic", ("clientid", by))
    return ClientAssertionCredential(tenant, client, lambda: identity.get_token("api://AzureADTokenExchange/.default").token, **RETRY)


def secret_client(vault, by):
    """Makes a client that signs in with DefaultAzureCredential."""
    from azure.keyvault.secrets import SecretClient

    return SecretClient(vault_url=vault, credential=credential("dac", by), **RETRY)


def secret(vault, name, by):
    """Reads a secret."""
    return {"ok": True, "value": secret_client(vault, by).get_secret(name).value}


def verify(issuer, audience, files):
    """Checks tokens, one after the other, with what the issuer publishes and nothing else."""
    import jwt

    with urllib.request.urlopen(issuer.rstrip("/") + "/.well-known/openid-configuration", timeout=20) as response:
        discovery = json.load(response)
    if discovery["issuer"] != issuer:
        raise ValueError(f"discovery of {issuer} names the issuer {discovery['issuer']}")
    keys = jwt.PyJWKClient(discovery["jwks_uri"])
    for file in files:
        with open(file, encoding="ascii") as f:
            token = f.read().strip()
        key = keys.get_signing_key_from_jwt(token)
        claims = jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=issuer,
                            options={"require": ["exp", "nbf", "iat", "iss", "aud"]})
    return {"ok": True, "claims": claims}


def run(args):
    """Carries out one command."""
    from azure.identity import CertificateCredential, ClientSecretCredential

    match args:
        case ["secret", vault, name, *rest]:
            return secret(vault, name, selector(rest))
        case ["token", "msal", scope, *rest]:
            return msal_token(scope, selector(rest))
        case ["token", ("mic" | "dac") as how, scope, *rest]:
            return answer_token(credential(how, selector(rest)), scope)
        case ["secretcred", tenant, client, file, scope]:
            with open(file, encoding="utf-8") as f:
                return answer_token(ClientSecretCredential(tenant, client, f.read().strip()), scope)
        case ["certcred", tenant, client, file, scope]:
            return answer_token(CertificateCredential(tenant, client, file), scope)
        case ["workload" | "assertion" | "identityassertion" as how, tenant, client, by, scope]:
            return answer_token(federated(how, tenant, client, by), scope)
        case ["verify", issuer, audience, _, *_]:
            return verify(issuer, audience, args[3:])
        case ["secretlife", vault, prefix]:
            return {"ok": True, "steps": life.Life(secret_client(vault, ("", "")), prefix).run()}
        case ["secretdelete", vault, name]:
            return {"ok": True, "steps": life.Life(secret_client(vault, ("", "")), "").only_delete(name)}
        case ["armlife", manager, subscription, tenant, number]:
            import armlife  # a second to load: only where it is needed

            return {"ok": True, "steps": armlife.Management(credential("dac", ("", "")), manager, subscription, tenant, number, **RETRY).run()}
    print(USAGE, file=sys.stderr)
    sys.exit(2)


def refusal(e):
    """Tells how a call failed: type, HTTP status and code where the SDK gives them."""
    return {"ok": False, "type": type(e).__name__, **life.refused(e), "message": str(e)}


def main():
    try:
        result = run(sys.argv[1:])
    except Exception as e:  # every refusal is an answer
        result = refusal(e)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
