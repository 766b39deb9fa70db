import com.azure.core.exception.HttpResponseException;
import com.azure.core.util.Context;
import com.azure.security.keyvault.secrets.SecretClient;
import com.azure.security.keyvault.secrets.models.DeletedSecret;
import com.azure.security.keyvault.secrets.models.KeyVaultSecret;
import com.azure.security.keyvault.secrets.models.KeyVaultSecretIdentifier;
import com.azure.security.keyvault.secrets.models.SecretProperties;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The life of a secret, for the command secretlife: one run through the API of secrets.
 * Every step is recorded in a form that is the same in every language.
 */
final class Life {
    /** The values that the life uses. No other value is printed in any form. */
    private static final String FIRST = "canary-first", SECOND = "canary-second";

    private final SecretClient client;
    private final String prefix;
    private final String name;
    private final List<String> versions = new ArrayList<>();
    private final Map<String, Object> steps = new LinkedHashMap<>();

    Life(SecretClient client, String prefix) {
        this.client = client;
        this.prefix = prefix;
        this.name = prefix + "life";
    }

    /** Takes secrets through everything that can happen to them. */
    Map<String, Object> run() {
        write();
        list();
        deletion();
        backup();
        refusals();
        return steps;
    }

    /** Deletes a secret to the end and tries to read it before and after. */
    Map<String, Object> onlyDelete(String secret) {
        refusal("before", () -> client.getSecret(secret));
        client.beginDeleteSecret(secret).waitForCompletion();
        refusal("after", () -> client.getSecret(secret));
        return steps;
    }

    /** Sets, reads and updates. */
    private void write() {
        secret("set", client.setSecret(new KeyVaultSecret(name, FIRST).setProperties(new SecretProperties()
            .setContentType("text/plain").setTags(Map.of("a", "1", "b", "2")).setEnabled(true)
            .setNotBefore(moment(1700000000L)).setExpiresOn(moment(2000000000L)))));
        secret("latest", client.getSecret(name));
        KeyVaultSecret again = client.setSecret(name, SECOND);
        secret("set_again", again);
        secret("by_version", client.getSecret(name, versions.get(0)));
        steps.put("update", fields(client.updateSecretProperties(again.getProperties()
            .setContentType("application/json").setTags(Map.of("c", "3")).setExpiresOn(moment(2000000001L)))));
        KeyVaultSecret got = client.getSecret(name);
        secret("updated", got);
        KeyVaultSecretIdentifier id = new KeyVaultSecretIdentifier(got.getId());
        steps.put("identifier", Map.of("vault", id.getVaultUrl().equals(client.getVaultUrl()),
            "name", id.getName().replaceFirst(prefix, ""), "version", version(id.getVersion())));
        secret("upper_case", client.getSecret(name.toUpperCase(Locale.ROOT)));
        client.setSecret(new KeyVaultSecret(prefix + "old", FIRST).setProperties(new SecretProperties().setExpiresOn(moment(1000000000L))));
        secret("expired", client.getSecret(prefix + "old"));
    }

    /** Sets more secrets than fit on a page and lists them, and the versions of one. */
    private void list() {
        for (int i = 0; i < 30; i++) {
            client.setSecret(String.format("%spage-%02d", prefix, i), FIRST);
        }
        List<String> names = new ArrayList<>();
        int pages = 0;
        for (var page : client.listPropertiesOfSecrets().iterableByPage()) {
            pages++;
            for (SecretProperties item : page.getElements()) {
                names.add(item.getName());
                if (item.getName().equals(name)) {
                    steps.put("listed", fields(item));
                }
            }
        }
        steps.put("list", Map.of("count", mine(names), "several_pages", pages > 1));
        listVersions("versions");
    }

    /** Deletes, looks at what is deleted, and recovers. */
    private void deletion() {
        delete("delete");
        steps.put("deleted", fields(client.getDeletedSecret(name).getProperties()));
        steps.put("list_deleted", Map.of("count", mine(client.listDeletedSecrets().stream().map(DeletedSecret::getName).toList())));
        refusal("get_while_deleted", () -> client.getSecret(name));
        refusal("set_while_deleted", () -> client.setSecret(name, FIRST));
        steps.put("recover", fields(client.beginRecoverDeletedSecret(name).waitForCompletion().getValue().getProperties()));
        secret("recovered", client.getSecret(name));
        listVersions("recovered_versions");
    }

    /** Backs up, deletes for good and restores. */
    private void backup() {
        byte[] saved = client.backupSecret(name);
        steps.put("backup", Map.of("empty", saved.length == 0));
        delete("delete_again");
        steps.put("purge", Map.of("status", client.purgeDeletedSecretWithResponse(name, Context.NONE).getStatusCode()));
        refusal("purged", () -> client.getDeletedSecret(name));
        steps.put("restore", fields(client.restoreSecretBackup(saved).getProperties()));
        secret("restored", client.getSecret(name));
        listVersions("restored_versions");
        secret("restored_by_version", client.getSecret(name, versions.get(0)));
        refusal("restore_again", () -> client.restoreSecretBackup(saved));
    }

    /** Asks for what is not to be had. */
    private void refusals() {
        String off = prefix + "off";
        SecretProperties properties = client.setSecret(new KeyVaultSecret(off, FIRST).setProperties(new SecretProperties()
            .setContentType("text/plain").setTags(Map.of("a", "1")))).getProperties();
        steps.put("disable", fields(client.updateSecretProperties(properties.setEnabled(false))));
        refusal("disabled", () -> client.getSecret(off));
        refusal("missing", () -> client.getSecret(prefix + "nothing"));
        refusal("invalid", () -> client.setSecret(prefix + "bad_name", FIRST));
    }

    /** Deletes the secret and waits for the end of it. */
    private void delete(String step) {
        var poller = client.beginDeleteSecret(name);
        poller.waitForCompletion();
        DeletedSecret deleted = poller.poll().getValue();
        double days = Duration.between(deleted.getDeletedOn(), deleted.getScheduledPurgeDate()).toSeconds() / 86400.0;
        steps.put(step, Map.of("recovery", URI.create(deleted.getRecoveryId()).getPath().substring(1).replaceFirst(prefix, ""), "days", days));
    }

    /** Records the versions that the list has. */
    private void listVersions(String step) {
        steps.put(step, client.listPropertiesOfSecretVersions(name).stream().map(p -> version(p.getVersion())).sorted().toList());
    }

    /** Records a secret. */
    private void secret(String step, KeyVaultSecret secret) {
        Map<String, Object> fields = fields(secret.getProperties());
        String value = secret.getValue();
        fields.put("value", value == null ? "none" : value.equals(FIRST) ? "first" : value.equals(SECOND) ? "second" : "other");
        steps.put(step, fields);
    }

    /** Records a refusal. */
    private void refusal(String step, Runnable call) {
        try {
            call.run();
            steps.put(step, "not refused");
        } catch (HttpResponseException e) {
            if (e.getResponse() == null) {
                throw e;
            }
            steps.put(step, Map.of("status", e.getResponse().getStatusCode(), "code", Client.codeOf(e.getValue())));
        }
    }

    /** Lists what a secret says of itself. What is absent is zero. */
    private Map<String, Object> fields(SecretProperties p) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("name", p.getName().replaceFirst(prefix, ""));
        fields.put("version", version(p.getVersion()));
        fields.put("value", "none");
        fields.put("content_type", p.getContentType() == null ? "" : p.getContentType());
        fields.put("tags", p.getTags() == null ? Map.of() : p.getTags());
        fields.put("enabled", p.isEnabled());
        fields.put("nbf", p.getNotBefore() == null ? 0 : p.getNotBefore().toEpochSecond());
        fields.put("exp", p.getExpiresOn() == null ? 0 : p.getExpiresOn().toEpochSecond());
        fields.put("level", p.getRecoveryLevel() == null ? "" : p.getRecoveryLevel());
        fields.put("days", p.getRecoverableDays() == null ? 0 : p.getRecoverableDays());
        fields.put("dated", p.getCreatedOn() != null && p.getUpdatedOn() != null && !p.getUpdatedOn().isBefore(p.getCreatedOn()));
        return fields;
    }

    /** Numbers versions as they are seen; nothing is none. */
    private String version(String v) {
        if (v == null || v.isEmpty()) {
            return "";
        }
        if (!v.matches("[0-9a-f]{32}")) {
            return "malformed";
        }
        if (!versions.contains(v)) {
            versions.add(v);
        }
        return "v" + (versions.indexOf(v) + 1);
    }

    /** Counts the names that begin with the prefix. One that is listed twice counts twice. */
    private int mine(List<String> names) {
        return (int) names.stream().filter(n -> n.startsWith(prefix)).count();
    }

    private static OffsetDateTime moment(long seconds) {
        return OffsetDateTime.ofInstant(Instant.ofEpochSecond(seconds), ZoneOffset.UTC);
    }
}
