// The life of a secret, for the command secretlife. Every step is recorded in a form that is
// the same in every language.

import { parseKeyVaultSecretIdentifier } from "@azure/keyvault-secrets";

// The values that the life uses. No other value is printed in any form.
const first = "canary-first";
const second = "canary-second";

// refused tells status and code of a refusal, where the SDK gives them.
export function refused(e) {
  return { status: e.statusCode ?? 0, code: String(e.code ?? e.errorCode ?? e.errorResponse?.error ?? "") };
}

// Life is one run through the API of secrets.
export class Life {
  versions = [];
  steps = {};

  constructor(client, prefix) {
    Object.assign(this, { client, prefix, name: `${prefix}life` });
  }

  // run takes secrets through everything that can happen to them.
  async run() {
    await this.write();
    await this.list();
    await this.deletion();
    await this.backup();
    await this.refusals();
    return this.steps;
  }

  // onlyDelete deletes a secret to the end and tries to read it before and after.
  async onlyDelete(name) {
    await this.refusal("before", () => this.client.getSecret(name));
    await (await this.client.beginDeleteSecret(name)).pollUntilDone();
    await this.refusal("after", () => this.client.getSecret(name));
    return this.steps;
  }

  // write sets, reads and updates.
  async write() {
    const { client, name } = this;
    this.secret(
      "set",
      await client.setSecret(name, first, {
        contentType: "text/plain",
        tags: { a: "1", b: "2" },
        enabled: true,
        notBefore: new Date(1700000000000),
        expiresOn: new Date(2000000000000),
      }),
    );
    this.secret("latest", await client.getSecret(name));
    this.secret("set_again", await client.setSecret(name, second));
    this.secret("by_version", await client.getSecret(name, { version: this.versions[0] }));
    this.steps.update = this.fields(
      await client.updateSecretProperties(name, this.versions[1], {
        contentType: "application/json",
        tags: { c: "3" },
        expiresOn: new Date(2000000001000),
      }),
    );
    const got = await client.getSecret(name);
    this.secret("updated", got);
    const id = parseKeyVaultSecretIdentifier(got.properties.id);
    this.steps.identifier = {
      vault: id.vaultUrl === client.vaultUrl,
      name: id.name.replace(this.prefix, ""),
      version: this.version(id.version),
    };
    this.secret("upper_case", await client.getSecret(name.toUpperCase()));
    await client.setSecret(`${this.prefix}old`, first, { expiresOn: new Date(1000000000000) });
    this.secret("expired", await client.getSecret(`${this.prefix}old`));
  }

  // list sets more secrets than fit on a page and lists them, and the versions of one.
  async list() {
    for (let i = 0; i < 30; i++) {
      await this.client.setSecret(`${this.prefix}page-${String(i).padStart(2, "0")}`, first);
    }
    const names = [];
    let pages = 0;
    for await (const page of this.client.listPropertiesOfSecrets().byPage()) {
      pages++;
      for (const item of page) {
        names.push(item.name);
        if (item.name === this.name) {
          this.steps.listed = this.fields(item);
        }
      }
    }
    this.steps.list = { count: this.mine(names), several_pages: pages > 1 };
    await this.listVersions("versions");
  }

  // deletion deletes, looks at what is deleted, and recovers.
  async deletion() {
    const { client, name } = this;
    await this.delete("delete");
    this.steps.deleted = this.fields((await client.getDeletedSecret(name)).properties);
    const names = [];
    for await (const deleted of client.listDeletedSecrets()) {
      names.push(deleted.name);
    }
    this.steps.list_deleted = { count: this.mine(names) };
    await this.refusal("get_while_deleted", () => client.getSecret(name));
    await this.refusal("set_while_deleted", () => client.setSecret(name, first));
    this.steps.recover = this.fields(await (await client.beginRecoverDeletedSecret(name)).pollUntilDone());
    this.secret("recovered", await client.getSecret(name));
    await this.listVersions("recovered_versions");
  }

  // backup backs up, deletes for good and restores.
  async backup() {
    const { client, name } = this;
    const saved = await client.backupSecret(name);
    this.steps.backup = { empty: !saved?.length };
    await this.delete("delete_again");
    let status = 0;
    await client.purgeDeletedSecret(name, { onResponse: (r) => (status = r.status) });
    this.steps.purge = { status };
    await this.refusal("purged", () => client.getDeletedSecret(name));
    this.steps.restore = this.fields(await client.restoreSecretBackup(saved));
    this.secret("restored", await client.getSecret(name));
    await this.listVersions("restored_versions");
    this.secret("restored_by_version", await client.getSecret(name, { version: this.versions[0] }));
    await this.refusal("restore_again", () => client.restoreSecretBackup(saved));
  }

  // refusals asks for what is not to be had.
  async refusals() {
    const { client } = this;
    const name = `${this.prefix}off`;
    const { properties } = await client.setSecret(name, first, { contentType: "text/plain", tags: { a: "1" } });
    this.steps.disable = this.fields(await client.updateSecretProperties(name, properties.version, { enabled: false }));
    await this.refusal("disabled", () => client.getSecret(name));
    await this.refusal("missing", () => client.getSecret(`${this.prefix}nothing`));
    await this.refusal("invalid", () => client.setSecret(`${this.prefix}bad_name`, first));
  }

  // delete deletes the secret and waits for the end of it.
  async delete(step) {
    const deleted = await (await this.client.beginDeleteSecret(this.name)).pollUntilDone();
    const { recoveryId, scheduledPurgeDate, deletedOn } = deleted.properties;
    this.steps[step] = {
      recovery: new URL(recoveryId ?? deleted.recoveryId).pathname.slice(1).replace(this.prefix, ""),
      days: ((scheduledPurgeDate ?? deleted.scheduledPurgeDate) - (deletedOn ?? deleted.deletedOn)) / 86400000,
    };
  }

  // listVersions records the versions that the list has.
  async listVersions(step) {
    const listed = [];
    for await (const item of this.client.listPropertiesOfSecretVersions(this.name)) {
      listed.push(this.version(item.version));
    }
    this.steps[step] = listed.sort();
  }

  // secret records a secret.
  secret(step, { value, properties }) {
    const names = { [first]: "first", [second]: "second" };
    this.steps[step] = { ...this.fields(properties), value: value === undefined ? "none" : (names[value] ?? "other") };
  }

  // refusal records a refusal.
  async refusal(step, call) {
    try {
      await call();
      this.steps[step] = "not refused";
    } catch (e) {
      this.steps[step] = refused(e);
      if (!this.steps[step].status) {
        throw e;
      }
    }
  }

  // fields lists what a secret says of itself. What is absent is zero.
  fields(p) {
    const seconds = (date) => (date ? date.getTime() / 1000 : 0);
    return {
      name: p.name.replace(this.prefix, ""),
      version: this.version(p.version),
      value: "none",
      content_type: p.contentType ?? "",
      tags: p.tags ?? {},
      enabled: p.enabled,
      nbf: seconds(p.notBefore),
      exp: seconds(p.expiresOn),
      level: p.recoveryLevel ?? "",
      days: p.recoverableDays ?? 0,
      dated: p.createdOn > 0 && p.updatedOn >= p.createdOn,
    };
  }

  // version numbers versions as they are seen; nothing is none.
  version(v) {
    if (!v) {
      return "";
    }
    if (!/^[0-9a-f]{32}$/.test(v)) {
      return "malformed";
    }
    if (!this.versions.includes(v)) {
      this.versions.push(v);
    }
    return `v${this.versions.indexOf(v) + 1}`;
  }

  // mine counts the names that begin with the prefix. One that is listed twice counts twice.
  mine(names) {
    return names.filter((name) => name.startsWith(this.prefix)).length;
  }
}
