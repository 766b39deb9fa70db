package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// told finds commands in documents: at the beginning of a line, behind a prompt, behind &&,
// or in backticks.
var told = regexp.MustCompile("(?m)(?:^\\$ |^|`|&& )sealring ([^`\n]*)")

// quoted is what stands in quotes, where nothing is a flag.
var quoted = regexp.MustCompile(`'[^']*'|"[^"]*"`)

// every command and flag in the documents exists, and every command is in them.
func TestDocumentedCommandsExist(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	mentioned := map[string]bool{}
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range told.FindAllStringSubmatch(string(text), -1) {
			line, _, _ := strings.Cut(quoted.ReplaceAllString(m[1], "Q"), "#")
			line, _, _ = strings.Cut(line, "&&")
			words := strings.Fields(line)
			if len(words) == 0 || !regexp.MustCompile(`^[a-z]+$`).MatchString(words[0]) {
				continue // about the program, such as "sealring …" or "sealring --version"
			}
			checkDocumented(t, filepath.Base(file)+": "+m[0], words, mentioned)
		}
	}
	for _, cmd := range descendants(newRootCommand()) {
		if cmd.Runnable() && !cmd.Hidden && !mentioned[cmd.CommandPath()] {
			t.Errorf("%s is in no document", cmd.CommandPath())
		}
	}
}

// checkDocumented holds one command line against the commands there are.
func checkDocumented(t *testing.T, where string, words []string, mentioned map[string]bool) {
	t.Helper()
	root := newRootCommand()
	cmd, rest, err := root.Find(words)
	if err != nil || cmd == root {
		t.Errorf("%s: no such command: %v", where, err)
		return
	}
	for c := cmd; c != nil && c != root; c = c.Parent() {
		mentioned[c.CommandPath()] = true
	}
	mentionAlternatives(cmd, words, mentioned)
	for _, w := range rest {
		if w == "--" {
			return
		}
		name, _, _ := strings.Cut(strings.TrimRight(strings.TrimLeft(w, "["), "],.;:)"), "=")
		if strings.HasPrefix(name, "--") && cmd.Flags().Lookup(name[2:]) == nil && cmd.InheritedFlags().Lookup(name[2:]) == nil {
			t.Errorf("%s: no such flag: %s", where, name)
		}
	}
}

// mentionAlternatives notes "keys list|rotate|revoke".
func mentionAlternatives(cmd *cobra.Command, words []string, mentioned map[string]bool) {
	for _, w := range words {
		for _, alternative := range strings.Split(w, "|") {
			for _, sub := range cmd.Commands() {
				if sub.Name() == alternative {
					mentioned[sub.CommandPath()] = true
				}
			}
		}
	}
}
