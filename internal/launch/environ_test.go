package launch

import (
	"slices"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/secret"
)

// settings are those of a run of app "web" in the given way.
func settings(kind Kind, change func(*Settings)) Settings {
	s := Settings{Kind: kind, App: "web", Group: "default", Proxy: "http://127.0.0.1:4711",
		Endpoints: client.Endpoints{Domain: "sealring.internal", AuthorityHost: "https://login.sealring.internal:8443",
			IMDS: "http://127.0.0.1:8082", Node: "http://127.0.0.1:8080"},
		Registration: client.Registration{IdentityEndpoint: "http://127.0.0.1:8080/msi/token", IdentityHeader: secret.New("s3cret")},
		Trust:        Trust{Bundle: "/tmp/t/bundle.pem", JavaStore: "/tmp/t/truststore.p12"}}
	if change != nil {
		change(&s)
	}
	return s
}

// TE-10, L-1, L-4, L-16, M-4: what a program's environment holds, and what it must not hold.
func TestEnvironment(t *testing.T) {
	const absent = "\x00"
	for name, tt := range map[string]struct {
		kind   Kind
		change func(*Settings)
		base   []string
		want   map[string]string
	}{
		"an app gets both App Service dialects and no other": {
			kind: Site,
			base: []string{"PATH=/bin", "IDENTITY_SERVER_THUMBPRINT=x", "IMDS_ENDPOINT=http://x", "AZURE_FEDERATED_TOKEN_FILE=", "AZURE_POD_IDENTITY_AUTHORITY_HOST=http://old"},
			want: map[string]string{"PATH": "/bin", "IDENTITY_ENDPOINT": "http://127.0.0.1:8080/msi/token", "IDENTITY_HEADER": "s3cret",
				"MSI_ENDPOINT": "http://127.0.0.1:8080/msi/token", "MSI_SECRET": "s3cret", "WEBSITE_SITE_NAME": "web", "WEBSITE_SLOT_NAME": "Production",
				"WEBSITE_RESOURCE_GROUP": "default", "IDENTITY_SERVER_THUMBPRINT": absent, "IMDS_ENDPOINT": absent,
				"AZURE_FEDERATED_TOKEN_FILE": absent, "AZURE_POD_IDENTITY_AUTHORITY_HOST": absent, "AZURE_TENANT_ID": absent, "AZURE_CLIENT_ID": absent},
		},
		"a slot is named": {
			kind: Site, change: func(s *Settings) { s.Slot = "staging" },
			want: map[string]string{"WEBSITE_SITE_NAME": "web", "WEBSITE_SLOT_NAME": "staging"},
		},
		"a machine gets the metadata host and nothing of an app": {
			kind: VM, base: []string{"IDENTITY_ENDPOINT=http://x", "IDENTITY_HEADER=", "MSI_ENDPOINT=http://x", "MSI_SECRET=y", "WEBSITE_SITE_NAME=z"},
			want: map[string]string{"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:8082", "IDENTITY_ENDPOINT": absent, "IDENTITY_HEADER": absent,
				"MSI_ENDPOINT": absent, "MSI_SECRET": absent, "WEBSITE_SITE_NAME": absent},
		},
		"a registration's metadata address wins, without its path": {
			kind: VM, change: func(s *Settings) {
				s.Registration.IMDSEndpoint = "http://127.0.0.1:9999/metadata/identity/oauth2/token"
			},
			want: map[string]string{"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:9999"},
		},
		"WEBSITE_DISABLE_MSI takes the endpoint away": {
			kind: Site, base: []string{"WEBSITE_DISABLE_MSI=True", "IDENTITY_HEADER=old"},
			want: map[string]string{"IDENTITY_ENDPOINT": absent, "IDENTITY_HEADER": absent, "MSI_SECRET": absent, "WEBSITE_SITE_NAME": "web"},
		},
		"the user's own client and tenant stay, empty ones go": {
			kind: Site, base: []string{"AZURE_CLIENT_ID=11111111-2222-3333-4444-555555555555", "AZURE_TENANT_ID="},
			want: map[string]string{"AZURE_CLIENT_ID": "11111111-2222-3333-4444-555555555555", "AZURE_TENANT_ID": absent},
		},
		"the authority is ours": {
			kind: Site, want: map[string]string{"AZURE_AUTHORITY_HOST": "https://login.sealring.internal:8443"},
		},
		"the authority is Azure's with its public names": {
			kind: Site, change: func(s *Settings) { s.PublicNames = true }, base: []string{"AZURE_AUTHORITY_HOST=https://login.sealring.internal:8443/"},
			want: map[string]string{"AZURE_AUTHORITY_HOST": absent},
		},
		"names go by the proxy, loopback does not, plain HTTP is left alone": {
			kind: Site, base: []string{"HTTPS_PROXY=http://old:1", "http_proxy=http://old:1"},
			want: map[string]string{"HTTPS_PROXY": "http://127.0.0.1:4711", "https_proxy": "http://127.0.0.1:4711", "http_proxy": "http://old:1", "HTTP_PROXY": absent,
				"NO_PROXY": "localhost,127.0.0.1,::1,169.254.169.254", "no_proxy": "localhost,127.0.0.1,::1,169.254.169.254", "NODE_USE_ENV_PROXY": "1"},
		},
		"the user's exceptions stay unless they lead around the proxy": {
			kind: Site, base: []string{"NO_PROXY=.corp.example, *,10.0.0.0/8,.internal,login.sealring.internal:8443,microsoftonline.com", "no_proxy=db.example"},
			want: map[string]string{"NO_PROXY": "localhost,127.0.0.1,::1,169.254.169.254,.corp.example,10.0.0.0/8,db.example"},
		},
		"without egress plain HTTP goes to the proxy too": {
			kind: Site, change: func(s *Settings) { s.DenyEgress = true }, base: []string{"NO_PROXY=.corp.example"},
			want: map[string]string{"HTTP_PROXY": "http://127.0.0.1:4711", "http_proxy": "http://127.0.0.1:4711", "NO_PROXY": "localhost,127.0.0.1,::1,169.254.169.254"},
		},
		"every client trusts the bundle": {
			kind: Site, base: []string{"SSL_CERT_FILE=/old"},
			want: map[string]string{"SSL_CERT_FILE": "/tmp/t/bundle.pem", "REQUESTS_CA_BUNDLE": "/tmp/t/bundle.pem", "CURL_CA_BUNDLE": "/tmp/t/bundle.pem",
				"NODE_EXTRA_CA_CERTS": "/tmp/t/bundle.pem"},
		},
		"Java's options follow the user's": {
			kind: Site, base: []string{"JAVA_TOOL_OPTIONS=-Xmx64m"},
			want: map[string]string{"JAVA_TOOL_OPTIONS": "-Xmx64m -Djavax.net.ssl.trustStore=/tmp/t/truststore.p12 -Djavax.net.ssl.trustStoreType=PKCS12 " +
				"-Djavax.net.ssl.trustStorePassword=changeit -Dhttp.nonProxyHosts=localhost|127.*|[::1]|169.254.169.254 -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=4711"},
		},
		"without a kind nothing is said about identity": {
			base: []string{"WEBSITE_SITE_NAME=mine"},
			want: map[string]string{"IDENTITY_ENDPOINT": absent, "WEBSITE_SITE_NAME": "mine", "HTTPS_PROXY": "http://127.0.0.1:4711"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := lookup(Apply(tt.base, settings(tt.kind, tt.change).Changes(tt.base)))
			for key, want := range tt.want {
				value, there := got[key]
				switch {
				case want == absent && there:
					t.Errorf("%s=%q is there", key, value)
				case want != absent && value != want:
					t.Errorf("%s=%q, want %q", key, value, want)
				}
			}
			for key, value := range got {
				if strings.HasPrefix(key, "AZURE_") && value == "" {
					t.Errorf("%s is empty; it must be unset (TE §2.1)", key)
				}
			}
		})
	}
}

// A Java option with a blank in its path is quoted as the JVM reads it.
func TestJavaOptionsQuoteBlanks(t *testing.T) {
	s := settings(Site, func(s *Settings) { s.Trust.JavaStore = "/tmp/a b/truststore.p12" })
	got := lookup(Apply(nil, s.Changes(nil)))["JAVA_TOOL_OPTIONS"]
	if !strings.Contains(got, `"-Djavax.net.ssl.trustStore=/tmp/a b/truststore.p12"`) {
		t.Errorf("options are %s", got)
	}
}

// Changes come sorted and once each, so that env prints the same text every time.
func TestChangesAreSortedAndUnique(t *testing.T) {
	for _, kind := range []Kind{Site, VM} {
		c := settings(kind, nil).Changes([]string{"AZURE_CLIENT_ID=", "MSI_SECRET="})
		if !slices.IsSortedFunc(c, func(a, b Change) int {
			if d := strings.Compare(a.Name, b.Name); d != 0 {
				return d
			}
			return 1 // equal names are a fault
		}) {
			t.Errorf("kind %s: %v", kind, c)
		}
	}
}
