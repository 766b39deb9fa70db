import com.azure.core.credential.TokenCredential;
import com.azure.core.credential.TokenRequestContext;
import com.azure.core.exception.HttpResponseException;
import com.azure.core.http.policy.FixedDelayOptions;
import com.azure.core.http.policy.RetryOptions;
import com.azure.identity.ClientCertificateCredentialBuilder;
import com.azure.identity.ClientSecretCredentialBuilder;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.identity.ManagedIdentityCredentialBuilder;
import com.azure.json.JsonProviders;
import com.azure.json.JsonWriter;
import com.azure.security.keyvault.secrets.SecretClient;
import com.azure.security.keyvault.secrets.SecretClientBuilder;
import com.microsoft.aad.msal4j.IAuthenticationResult;
import com.microsoft.aad.msal4j.ManagedIdentityApplication;
import com.microsoft.aad.msal4j.ManagedIdentityId;
import com.microsoft.aad.msal4j.ManagedIdentityParameters;
import com.microsoft.aad.msal4j.MsalException;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/**
 * Makes the calls that an ordinary Java program makes with Azure Identity, MSAL and the Key
 * Vault client, and prints one JSON line about how it ended. e2e/clients/README.md
 * describes the commands, which four languages share.
 */
public final class Client {
    private static final String USAGE = """
        usage:
          Client secret VAULT-URL NAME [clientid=ID]
          Client token mic|dac|msal SCOPE [client_id=ID|object_id=ID|resource_id=ID]
          Client secretcred TENANT CLIENT-ID SECRET-FILE SCOPE
          Client certcred TENANT CLIENT-ID PEM-FILE SCOPE
          Client secretlife VAULT-URL NAME-PREFIX
          Client secretdelete VAULT-URL NAME
          Client armlife RESOURCE-MANAGER-URL SUBSCRIPTION TENANT NUMBER""";

    /** How many more arguments each command needs at least. */
    private static final Map<String, Integer> COMMANDS =
        Map.of("secret", 2, "token", 2, "secretcred", 4, "certcred", 4, "secretlife", 2, "secretdelete", 2, "armlife", 4);

    private Client() {
    }

    /** Runs one command. Exit code 0 for every answer, refusals included; 2 for wrong usage. */
    public static void main(String[] args) throws IOException {
        if (args.length == 0 || !COMMANDS.containsKey(args[0]) || args.length <= COMMANDS.get(args[0])) {
            System.err.println(USAGE);
            System.exit(2);
        }
        Map<String, Object> answer;
        try {
            answer = run(args);
        } catch (Exception e) {
            answer = refusal(e);
        }
        System.out.println(json(answer));
        System.out.flush();
        System.exit(0); // the SDK's threads would keep the process for a while
    }

    private static Map<String, Object> run(String[] args) throws Exception {
        String[] by = args.length > COMMANDS.get(args[0]) + 1 ? args[args.length - 1].split("=", 2) : new String[] {"", ""};
        by[0] = by[0].replace("_", "");
        return switch (args[0]) {
            case "secret" -> secret(args[1], args[2], by);
            case "secretlife" -> answer("steps", new Life(secretClient(args[1], by), args[2]).run());
            case "secretdelete" -> answer("steps", new Life(secretClient(args[1], by), "").onlyDelete(args[2]));
            case "armlife" -> answer("steps", new Management(credential("dac", by), args[1], args[2], args[3], args[4]).run());
            case "secretcred" -> token(new ClientSecretCredentialBuilder().tenantId(args[1]).clientId(args[2])
                .clientSecret(Files.readString(Path.of(args[3])).strip()).build(), args[4]);
            case "certcred" -> token(new ClientCertificateCredentialBuilder().tenantId(args[1]).clientId(args[2])
                .pemCertificate(args[3]).build(), args[4]);
            default -> args[1].equals("msal") ? msalToken(args[2], by) : token(credential(args[1], by), args[2]);
        };
    }

    /** Keeps the vault's refusals quick: one repetition after a fifth of a second. */
    private static RetryOptions retry() {
        return new RetryOptions(new FixedDelayOptions(1, Duration.ofMillis(200)));
    }

    /** Makes a ManagedIdentityCredential or a DefaultAzureCredential. */
    private static TokenCredential credential(String how, String[] by) {
        if (how.equals("dac")) {
            DefaultAzureCredentialBuilder builder = new DefaultAzureCredentialBuilder();
            return (by[0].equals("clientid") ? builder.managedIdentityClientId(by[1]) : builder).build();
        }
        ManagedIdentityCredentialBuilder builder = new ManagedIdentityCredentialBuilder();
        return switch (by[0]) {
            case "clientid" -> builder.clientId(by[1]).build();
            case "objectid" -> builder.objectId(by[1]).build();
            case "resourceid" -> builder.resourceId(by[1]).build();
            default -> builder.build();
        };
    }

    /** Asks a credential for a token. */
    private static Map<String, Object> token(TokenCredential credential, String scope) {
        var token = credential.getTokenSync(new TokenRequestContext().addScopes(scope));
        return answer("token", token.getToken(), "expires_on", token.getExpiresAt().toEpochSecond());
    }

    /** Asks MSAL's own managed-identity client. */
    private static Map<String, Object> msalToken(String scope, String[] by) throws Exception {
        ManagedIdentityId who = switch (by[0]) {
            case "clientid" -> ManagedIdentityId.userAssignedClientId(by[1]);
            case "objectid" -> ManagedIdentityId.userAssignedObjectId(by[1]);
            case "resourceid" -> ManagedIdentityId.userAssignedResourceId(by[1]);
            default -> ManagedIdentityId.systemAssigned();
        };
        String resource = scope.endsWith("/.default") ? scope.substring(0, scope.length() - "/.default".length()) : scope;
        IAuthenticationResult token = ManagedIdentityApplication.builder(who).build()
            .acquireTokenForManagedIdentity(ManagedIdentityParameters.builder(resource).build()).get();
        return answer("token", token.accessToken(), "expires_on", token.expiresOnDate().getTime() / 1000);
    }

    /** Makes a client that signs in with DefaultAzureCredential. */
    private static SecretClient secretClient(String vault, String[] by) {
        return new SecretClientBuilder().vaultUrl(vault).credential(credential("dac", by)).retryOptions(retry()).buildClient();
    }

    /** Reads a secret. */
    private static Map<String, Object> secret(String vault, String name, String[] by) {
        return answer("value", secretClient(vault, by).getSecret(name).getValue());
    }

    private static Map<String, Object> answer(Object... members) {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("ok", true);
        for (int i = 0; i < members.length; i += 2) {
            m.put((String) members[i], members[i + 1]);
        }
        return m;
    }

    /** Tells how a call failed: type, HTTP status and code where the SDK gives them. */
    private static Map<String, Object> refusal(Throwable e) {
        while ((e instanceof ExecutionException || e instanceof CompletionException) && e.getCause() != null) {
            e = e.getCause();
        }
        Map<String, Object> m = answer();
        m.put("ok", false);
        m.put("type", e.getClass().getSimpleName());
        if (e instanceof HttpResponseException http && http.getResponse() != null) {
            m.put("status", http.getResponse().getStatusCode());
            m.put("code", codeOf(http.getValue()));
        } else if (e instanceof MsalException msal) {
            m.put("code", String.valueOf(msal.errorCode()));
        }
        m.put("message", messages(e));
        return m;
    }

    /** Joins the messages of an exception and its causes: the SDK's own often only says "see inner exception". */
    private static String messages(Throwable e) {
        StringBuilder text = new StringBuilder(String.valueOf(e.getMessage()));
        for (Throwable cause = e.getCause(); cause != null; cause = cause.getCause()) {
            text.append(" <- ").append(cause.getMessage());
        }
        return text.toString();
    }

    /** Finds error.code in the body of an answer, however deep the SDK left it. */
    static String codeOf(Object body) {
        if (body instanceof Map<?, ?> map) {
            return map.get("code") instanceof String code ? code : codeOf(map.get("error"));
        }
        if (body == null) {
            return "";
        }
        try { // typed errors of the Key Vault client
            return String.valueOf(body.getClass().getMethod("getCode").invoke(body));
        } catch (ReflectiveOperationException e) {
            return "";
        }
    }

    private static String json(Map<String, Object> members) throws IOException {
        StringWriter text = new StringWriter();
        try (JsonWriter writer = JsonProviders.createWriter(text)) {
            writer.writeMap(members, JsonWriter::writeUntyped);
        }
        return text.toString();
    }
}
