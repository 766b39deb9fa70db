package deployments_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// BenchmarkHundredResources deploys a chain of 100 identities by one template, and by 100
// single requests one after the other, in turns, and reports how the medians of their times relate.
func BenchmarkHundredResources(b *testing.B) {
	f := armtest.Open(b, storetest.SQLite(b))
	round := 0
	chain := func() (names []string, template string) {
		round++
		var list []string
		for i := range 100 {
			names = append(names, fmt.Sprintf("n%d-%d", round, i))
			after := ""
			if i > 0 {
				after = `,"dependsOn":["` + names[i-1] + `"]`
			}
			list = append(list, uai+`"name":"`+names[i]+`"`+after+`}`)
		}
		return names, `"resources":[` + strings.Join(list, ",") + `]`
	}
	var deployed, single []time.Duration
	for b.Loop() {
		_, template := chain()
		begun := time.Now()
		if a := f.OK("owner", "PUT", at+fmt.Sprintf("d%d", round), body(template, "", "")); a.At("properties", "provisioningState") != "Succeeded" {
			b.Fatal(a.Text)
		}
		deployed = append(deployed, time.Since(begun))
		names, _ := chain()
		begun = time.Now()
		for _, name := range names {
			f.OK("owner", "PUT", identityPath(name), `{"location":"local"}`)
		}
		single = append(single, time.Since(begun))
	}
	median := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)/2])
	}
	b.ReportMetric(median(deployed)/median(single), "ratio")
	b.ReportMetric(median(deployed)/1e6, "ms/template")
	b.ReportMetric(median(single)/1e6, "ms/singles")
}
