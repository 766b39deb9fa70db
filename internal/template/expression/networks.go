package expression

import (
	"math/big"
	"net/netip"

	"github.com/sealring/sealring/internal/template/value"
)

// network reads an address range; bits below the prefix do not count.
func network(name string, v any) (netip.Prefix, error) {
	s, ok := v.(string)
	if !ok {
		return netip.Prefix{}, wrongType(name)
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, ErrEvaluation.With("the first argument of the template function '%s' is not an address range such as 10.0.0.0/16", name)
	}
	return p.Masked(), nil
}

// offset is the address that lies n addresses behind a.
func offset(a netip.Addr, n *big.Int) (netip.Addr, bool) {
	sum := new(big.Int).Add(new(big.Int).SetBytes(a.AsSlice()), n)
	raw := make([]byte, a.BitLen()/8)
	if sum.Sign() < 0 || sum.BitLen() > a.BitLen() {
		return netip.Addr{}, false
	}
	out, ok := netip.AddrFromSlice(sum.FillBytes(raw))
	return out, ok
}

// size is how many addresses a range of a prefix has.
func size(a netip.Addr, bits int) *big.Int {
	return new(big.Int).Lsh(big.NewInt(1), uint(a.BitLen()-bits))
}

// cidrSubnet is the n-th range of a longer prefix inside a range.
func cidrSubnet(name string, args []any) (any, error) {
	p, err := network(name, args[0])
	if err != nil {
		return nil, err
	}
	if !bothInts(args[1:]) {
		return nil, wrongType(name)
	}
	bits, n := args[1].(int64), args[2].(int64)
	if bits < int64(p.Bits()) || bits > int64(p.Addr().BitLen()) || n < 0 {
		return nil, ErrEvaluation.With("the template function 'cidrSubnet' is asked for a range that does not exist")
	}
	at, ok := offset(p.Addr(), new(big.Int).Mul(big.NewInt(n), size(p.Addr(), int(bits))))
	if !ok || !p.Contains(at) {
		return nil, ErrEvaluation.With("the template function 'cidrSubnet' is asked for a range that does not exist")
	}
	return netip.PrefixFrom(at, int(bits)).String(), nil
}

// cidrHost is the n-th usable address of a range.
func cidrHost(name string, args []any) (any, error) {
	p, err := network(name, args[0])
	if err != nil {
		return nil, err
	}
	n, ok := args[1].(int64)
	if !ok {
		return nil, wrongType(name)
	}
	if p.Addr().Is4() && p.Bits() < 31 || p.Addr().Is6() {
		n++
	}
	at, ok := offset(p.Addr(), big.NewInt(n))
	if !ok || n < 0 || !p.Contains(at) {
		return nil, ErrEvaluation.With("the template function 'cidrHost' is asked for an address that does not exist")
	}
	return at.String(), nil
}

// parseCIDR takes a range apart.
func parseCIDR(name string, args []any) (any, error) {
	p, err := network(name, args[0])
	if err != nil {
		return nil, err
	}
	total := size(p.Addr(), p.Bits())
	last, _ := offset(p.Addr(), new(big.Int).Sub(total, big.NewInt(1)))
	first, end := p.Addr(), last
	if p.Addr().Is4() && p.Bits() < 31 {
		first, _ = offset(p.Addr(), big.NewInt(1))
		end = last.Prev()
	}
	o := value.NewObject("network", p.Addr().String())
	if p.Addr().Is4() {
		ones := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 32), total)
		mask, _ := offset(netip.AddrFrom4([4]byte{}), ones)
		o.Set("netmask", mask.String())
		o.Set("broadcast", last.String())
	}
	o.Set("firstUsable", first.String())
	o.Set("lastUsable", end.String())
	o.Set("cidr", int64(p.Bits()))
	return o, nil
}
