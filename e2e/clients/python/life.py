"""The life of a secret, for the command secretlife. Every step is recorded in a form that is
the same in every language."""

import datetime
import re

from azure.keyvault.secrets import KeyVaultSecretIdentifier

# The values that the life uses. No other value is printed in any form.
FIRST, SECOND = "canary-first", "canary-second"


def refused(e):
    """Status and code of a refusal, where the SDK gives them."""
    code = getattr(getattr(e, "error", None), "code", None) or getattr(e, "code", None) or ""
    return {"status": getattr(e, "status_code", None) or 0, "code": code}


def moment(seconds):
    """A time from seconds since 1970."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


class Life:
    """One run through the API of secrets."""

    def __init__(self, client, prefix):
        self.client, self.prefix, self.name = client, prefix, prefix + "life"
        self.versions, self.steps = [], {}

    def run(self):
        """Takes secrets through everything that can happen to them."""
        self.write()
        self.list()
        self.deletion()
        self.backup()
        self.refusals()
        return self.steps

    def only_delete(self, name):
        """Deletes a secret to the end and tries to read it before and after."""
        self.refusal("before", lambda: self.client.get_secret(name))
        self.client.begin_delete_secret(name).wait()
        self.refusal("after", lambda: self.client.get_secret(name))
        return self.steps

    def write(self):
        """Sets, reads and updates."""
        c = self.client
        self.secret("set", c.set_secret(
            self.name, FIRST, content_type="text/plain", tags={"a": "1", "b": "2"}, enabled=True,
            not_before=moment(1700000000), expires_on=moment(2000000000)))
        self.secret("latest", c.get_secret(self.name))
        self.secret("set_again", c.set_secret(self.name, SECOND))
        self.secret("by_version", c.get_secret(self.name, self.versions[0]))
        self.steps["update"] = self.fields(c.update_secret_properties(
            self.name, self.versions[1], content_type="application/json", tags={"c": "3"}, expires_on=moment(2000000001)))
        got = c.get_secret(self.name)
        self.secret("updated", got)
        parsed = KeyVaultSecretIdentifier(got.id)
        self.steps["identifier"] = {
            "vault": parsed.vault_url == c.vault_url, "name": parsed.name.removeprefix(self.prefix), "version": self.version(parsed.version)}
        self.secret("upper_case", c.get_secret(self.name.upper()))
        c.set_secret(self.prefix + "old", FIRST, expires_on=moment(1000000000))
        self.secret("expired", c.get_secret(self.prefix + "old"))

    def list(self):
        """Sets more secrets than fit on a page and lists them, and the versions of one."""
        for i in range(30):
            self.client.set_secret(f"{self.prefix}page-{i:02}", FIRST)
        pages = [list(page) for page in self.client.list_properties_of_secrets().by_page()]
        names = [item.name for page in pages for item in page]
        for page in pages:
            for item in page:
                if item.name == self.name:
                    self.steps["listed"] = self.fields(item)
        self.steps["list"] = {"count": self.mine(names), "several_pages": len(pages) > 1}
        self.list_versions("versions")

    def deletion(self):
        """Deletes, looks at what is deleted, and recovers."""
        c = self.client
        self.delete("delete")
        self.steps["deleted"] = self.fields(c.get_deleted_secret(self.name).properties)
        self.steps["list_deleted"] = {"count": self.mine([d.name for d in c.list_deleted_secrets()])}
        self.refusal("get_while_deleted", lambda: c.get_secret(self.name))
        self.refusal("set_while_deleted", lambda: c.set_secret(self.name, FIRST))
        poller = c.begin_recover_deleted_secret(self.name)
        poller.wait()
        self.steps["recover"] = self.fields(poller.result())
        self.secret("recovered", c.get_secret(self.name))
        self.list_versions("recovered_versions")

    def backup(self):
        """Backs up, deletes for good and restores."""
        c = self.client
        saved = c.backup_secret(self.name)
        self.steps["backup"] = {"empty": not saved}
        self.delete("delete_again")
        answered = []
        c.purge_deleted_secret(self.name, raw_response_hook=answered.append)
        self.steps["purge"] = {"status": answered[-1].http_response.status_code}
        self.refusal("purged", lambda: c.get_deleted_secret(self.name))
        self.steps["restore"] = self.fields(c.restore_secret_backup(saved))
        self.secret("restored", c.get_secret(self.name))
        self.list_versions("restored_versions")
        self.secret("restored_by_version", c.get_secret(self.name, self.versions[0]))
        self.refusal("restore_again", lambda: c.restore_secret_backup(saved))

    def refusals(self):
        """Asks for what is not to be had."""
        c, name = self.client, self.prefix + "off"
        version = c.set_secret(name, FIRST, content_type="text/plain", tags={"a": "1"}).properties.version
        self.steps["disable"] = self.fields(c.update_secret_properties(name, version, enabled=False))
        self.refusal("disabled", lambda: c.get_secret(name))
        self.refusal("missing", lambda: c.get_secret(self.prefix + "nothing"))
        self.refusal("invalid", lambda: c.set_secret(self.prefix + "bad_name", FIRST))

    def delete(self, step):
        """Deletes the secret and waits for the end of it."""
        poller = self.client.begin_delete_secret(self.name)
        poller.wait()
        deleted = poller.result()
        path = deleted.recovery_id.removeprefix("https://").partition("/")[2]
        days = (deleted.scheduled_purge_date - deleted.deleted_date) / datetime.timedelta(days=1)
        self.steps[step] = {"recovery": path.replace(self.prefix, "", 1), "days": days}

    def list_versions(self, step):
        """Records the versions that the list has."""
        listed = self.client.list_properties_of_secret_versions(self.name)
        self.steps[step] = sorted(self.version(item.version) for item in listed)

    def secret(self, step, secret):
        """Records a secret."""
        value = {None: "none", FIRST: "first", SECOND: "second"}.get(secret.value, "other")
        self.steps[step] = {**self.fields(secret.properties), "value": value}

    def refusal(self, step, call):
        """Records a refusal."""
        try:
            call()
            self.steps[step] = "not refused"
        except Exception as e:
            self.steps[step] = refused(e)
            if not self.steps[step]["status"]:
                raise

    def fields(self, p):
        """Lists what a secret says of itself. What is absent is zero."""
        return {
            "name": p.name.removeprefix(self.prefix), "version": self.version(p.version), "value": "none",
            "content_type": p.content_type or "", "tags": p.tags or {}, "enabled": p.enabled,
            "nbf": int(p.not_before.timestamp()) if p.not_before else 0, "exp": int(p.expires_on.timestamp()) if p.expires_on else 0,
            "level": p.recovery_level or "", "days": p.recoverable_days or 0,
            "dated": bool(p.created_on and p.updated_on and p.updated_on >= p.created_on),
        }

    def version(self, v):
        """Numbers versions as they are seen; nothing is none."""
        if not v:
            return ""
        if not re.fullmatch("[0-9a-f]{32}", v):
            return "malformed"
        if v not in self.versions:
            self.versions.append(v)
        return f"v{self.versions.index(v) + 1}"

    def mine(self, names):
        """Counts the names that begin with the prefix. One that is listed twice counts twice."""
        return sum(name.startswith(self.prefix) for name in names)
