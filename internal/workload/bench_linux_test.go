package workload_test

import (
	"net"
	"os"
	"testing"
	"time"

	"crypto/rand"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/workload"
)

// BenchmarkAttribution is what a new connection costs (examined), and what every further
// request on it does (remembered).
func BenchmarkAttribution(b *testing.B) {
	r, err := workload.New(workload.Config{Now: time.Now, Rand: rand.Reader, IDs: id.NewSource(rand.Reader)})
	if err != nil {
		b.Fatal(err)
	}
	host, _ := resource.ParseID(vm1)
	start, _ := workload.StartTime(os.Getpid())
	if _, err := r.Register(workload.Spec{Resource: host, PID: os.Getpid(), Start: start}); err != nil {
		b.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	b.Run("examined", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.ByConnection(b.Context(), c.LocalAddr(), c.RemoteAddr()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("remembered", func(b *testing.B) {
		ctx := workload.WithPeer(b.Context(), c.LocalAddr(), c.RemoteAddr())
		b.ReportAllocs()
		for b.Loop() {
			got, err := r.ByContext(ctx)
			if err == nil {
				err = r.Confirm(ctx, got)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSecret is TE-52: what is presented is hashed and looked up by its hash, so wrong
// secrets of any likeness cost the same; a right one also costs a look at its process.
func BenchmarkSecret(b *testing.B) {
	r, err := workload.New(workload.Config{Now: time.Now, Rand: rand.Reader, IDs: id.NewSource(rand.Reader)})
	if err != nil {
		b.Fatal(err)
	}
	host, _ := resource.ParseID(vm1)
	start, _ := workload.StartTime(os.Getpid())
	registered, err := r.Register(workload.Spec{Resource: host, PID: os.Getpid(), Start: start})
	if err != nil {
		b.Fatal(err)
	}
	right := registered.Secret.Reveal()
	for _, c := range []struct{ name, secret string }{
		{"right", right}, {"last character wrong", right[:len(right)-1] + "!"}, {"first character wrong", "!" + right[1:]},
		{"nothing in common", right[len(right)/2:] + right[:len(right)/2]},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := r.BySecret(c.secret); (err == nil) != (c.name == "right") {
					b.Fatal(err)
				}
			}
		})
	}
}
