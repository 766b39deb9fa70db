package tracked

import (
	"encoding/json"
	"strings"
)

// credentials are the members, in lower case, that hold credentials in the bodies of types
// that are kept as records of things elsewhere. They are dropped when a body is stored: what
// is not kept no answer can show (S-51).
var credentials = map[string]bool{
	"adminpassword": true, "administratorloginpassword": true, "password": true, "securevalue": true, "customdata": true,
	"protectedsettings": true, "clientsecret": true, "accesskey": true, "accountkey": true, "storageaccountkey": true,
	"primarykey": true, "secondarykey": true, "sharedkey": true, "workspacekey": true, "sastoken": true, "secret": true,
	"connectionstring": true, "daprapikey": true, "authkey": true, "vmadminpassword": true,
}

// withoutCredentials returns a JSON value without the members that hold credentials, at any
// depth, and without the values of elements of a list called secrets. name is the member
// that holds the value. Nothing else changes; numbers keep their digits.
func withoutCredentials(name string, raw json.RawMessage) json.RawMessage {
	name = strings.ToLower(name)
	if credentials[name] {
		return json.RawMessage("null")
	}
	switch first(raw) {
	case '{':
		o := Decode(raw)
		changed := false
		secure := isSecure(o["type"])
		for member, v := range o {
			next := withoutCredentials(member, v)
			if name == "secrets" && strings.EqualFold(member, "value") || secure && member == "value" {
				next = json.RawMessage("null")
			}
			if string(next) != string(v) {
				o[member], changed = next, true
			}
		}
		if changed {
			return Encode(o)
		}
	case '[':
		var list []json.RawMessage
		_ = json.Unmarshal(raw, &list) // it was decoded as part of the body
		changed := false
		for n, v := range list {
			if next := withoutCredentials(name, v); string(next) != string(v) {
				list[n], changed = next, true
			}
		}
		if changed {
			return Encode(list)
		}
	}
	return raw
}

// isSecure reports whether a parameter's type says that its value is a secret.
func isSecure(raw json.RawMessage) bool {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return false
	}
	return strings.EqualFold(text, "securestring") || strings.EqualFold(text, "secureobject")
}

// isNothing reports whether a member says nothing.
func isNothing(raw json.RawMessage) bool { return strings.TrimSpace(string(raw)) == "null" }

// first returns the first byte of a JSON value; 0 if there is none.
func first(raw json.RawMessage) byte {
	if text := strings.TrimSpace(string(raw)); text != "" {
		return text[0]
	}
	return 0
}
