package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// siteSwitches knows from memory which apps have turned their token endpoint off by the
// app setting WEBSITE_DISABLE_MSI. An entry lives until any resource changes.
type siteSwitches struct {
	resources *resource.Service

	mu         sync.Mutex // guards what follows
	generation int
	off        map[string]bool // by resource.ID.Key
}

// newSiteSwitches follows the change feed of db.
func newSiteSwitches(resources *resource.Service, db *store.DB) *siteSwitches {
	s := &siteSwitches{resources: resources, off: map[string]bool{}}
	db.Subscribe("resource", func([]string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.generation++
		clear(s.off)
	})
	return s
}

// Disabled reports whether the app has set WEBSITE_DISABLE_MSI to true.
func (s *siteSwitches) Disabled(ctx context.Context, host resource.ID) (bool, error) {
	s.mu.Lock()
	off, known := s.off[host.Key()]
	generation := s.generation
	s.mu.Unlock()
	if known {
		return off, nil
	}
	off, err := s.read(ctx, host)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation == generation {
		s.off[host.Key()] = off
	}
	return off, nil
}

// read asks the store. An app without settings has its endpoint on.
func (s *siteSwitches) read(ctx context.Context, host resource.ID) (bool, error) {
	settings, err := s.resources.Get(ctx, host.Child("config", "appsettings"))
	if errors.Is(err, resource.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	values := map[string]string{}
	if settings.Sealed == nil {
		return false, nil
	}
	if err := json.Unmarshal(settings.Sealed, &values); err != nil {
		return false, fmt.Errorf("read the settings of %s: %w", host, err)
	}
	return strings.EqualFold(values["WEBSITE_DISABLE_MSI"], "true"), nil
}
