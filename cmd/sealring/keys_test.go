package main

import (
	"encoding/json"

	"github.com/rogpeppe/go-internal/testscript"
)

// activeKey sets a variable to the id of the key that signs: activekey NAME DIR
func activeKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: activekey name dir")
	}
	if err := ts.Exec("sealring", "keys", "list", "--json", "--data", ts.MkAbs(args[1])); err != nil {
		ts.Fatalf("%v", err)
	}
	var list struct {
		Keys []struct {
			ID    string `json:"kid"`
			State string `json:"state"`
		} `json:"keys"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &list))
	for _, k := range list.Keys {
		if k.State == "active" {
			ts.Setenv(args[0], k.ID)
			return
		}
	}
	ts.Fatalf("no key is active")
}
