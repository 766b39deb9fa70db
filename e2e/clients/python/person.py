"""A program that a person signs in to: MSAL with a browser, or azure-identity with a device code.

It prints where the person has to go (OPEN, MESSAGE), and what it got (RESULT, JSON).
"""

import http.server
import json
import os
import sys
import urllib.parse
import webbrowser

import jwt
import msal
from azure.identity import AuthenticationRecord, DeviceCodeCredential, InteractiveBrowserCredential

AUTHORITY = os.environ["SEALRING_AUTHORITY"]
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
ARM = "https://management.core.windows.net//.default"
OTHERS = ["https://graph.microsoft.com//.default", "https://vault.azure.net/.default"]


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})


def say(word, value):
    print(word, value, flush=True)


def result(token, **more):
    c = claims(token)
    say("RESULT", json.dumps({"oid": c["oid"], "tid": c["tid"], "aud": c["aud"], "scopes": c["scp"].split(), **more}))


def by_query(app):
    """The answer comes in the address, to a server of this program."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            if "state" in query:
                self.server.answer = {name: values[0] for name, values in query.items()}
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<h1>Done</h1>You can close this window")

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.answer = None
        flow = app.initiate_auth_code_flow(
            [ARM], redirect_uri=f"http://localhost:{server.server_port}", prompt="select_account", response_mode="query"
        )
        webbrowser.open(flow["auth_uri"])
        while server.answer is None:
            server.handle_request()
        return app.acquire_token_by_auth_code_flow(flow, server.answer, scopes=[ARM])


def browser(mode):
    app = msal.PublicClientApplication(CLI, authority=AUTHORITY + "/organizations", instance_discovery=False)
    if mode == "query":
        got = by_query(app)
    else:  # the answer is posted; $BROWSER prints where to go
        got = app.acquire_token_interactive([ARM], prompt="select_account", timeout=120, success_template="You can close this window")
    if "access_token" not in got:
        say("RESULT", json.dumps({"error": json.dumps(got)}))
        return
    account = app.get_accounts()[0]
    again = app.acquire_token_silent_with_error([ARM], account=account)
    hit = again is not None and again.get("access_token") == got["access_token"] and again.get("token_source") == "cache"
    tenant = claims(got["access_token"])["tid"]
    home = msal.PublicClientApplication(CLI, authority=AUTHORITY + "/" + tenant, instance_discovery=False, token_cache=app.token_cache)
    others = []
    for scope in OTHERS:
        other = home.acquire_token_silent_with_error([scope], account=home.get_accounts()[0])
        if other is None or "access_token" not in other:
            say("RESULT", json.dumps({"error": scope + ": " + json.dumps(other)}))
            return
        others.append(claims(other["access_token"])["aud"])
    result(got["access_token"], username=account["username"], hit=hit, others=others)


def identity():
    credential = InteractiveBrowserCredential(client_id=CLI, authority=AUTHORITY, disable_instance_discovery=True, timeout=120)
    record = credential.authenticate(scopes=[ARM])
    result(credential.get_token(ARM).token, username=record.username, hit=True)


def device():
    credential = DeviceCodeCredential(
        client_id=CLI,
        authority=AUTHORITY,
        disable_instance_discovery=True,
        timeout=120,
        prompt_callback=lambda uri, code, _: say("MESSAGE", f"open the page {uri} and enter the code {code} to go on"),
    )
    record = credential.authenticate(scopes=[ARM])
    assert isinstance(record, AuthenticationRecord)
    result(credential.get_token(ARM).token, username=record.username)


if __name__ == "__main__":
    if sys.argv[1] == "browser":
        browser(sys.argv[2])
    else:
        {"identity": identity, "device": device}[sys.argv[1]]()
