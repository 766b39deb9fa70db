package hosts

import (
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// network makes Microsoft.Network: what `az vm create` and Terraform put around a machine
// (CP §4.2). Nothing is connected to anything.
func network(d Deps) arm.Provider {
	const ns = "Microsoft.Network/"
	lists := map[string][]string{ // members that clients expect to be lists
		"virtualNetworks": {"subnets", "virtualNetworkPeerings"}, "networkSecurityGroups": {"securityRules", "defaultSecurityRules"},
		"networkInterfaces": {"ipConfigurations"}, "routeTables": {"routes"},
		"loadBalancers": {"frontendIPConfigurations", "backendAddressPools", "loadBalancingRules", "probes", "inboundNatRules"},
	}
	var types []tracked.Type
	for _, kind := range []string{"virtualNetworks", "networkInterfaces", "networkSecurityGroups", "publicIPAddresses", "loadBalancers", "routeTables",
		"natGateways", "applicationGateways"} {
		types = append(types, tracked.Type{Deps: d.Deps, Kind: ns + kind, Settle: d.settleNetwork, Show: showNetwork(kind, lists[kind])})
	}
	var more []arm.Route
	for _, e := range []tracked.Embedded{
		{Parent: "virtualNetworks", Type: "subnets", Show: showSubnet}, {Parent: "virtualNetworks", Type: "virtualNetworkPeerings"},
		{Parent: "networkSecurityGroups", Type: "securityRules"}, {Parent: "routeTables", Type: "routes"},
		{Parent: "loadBalancers", Type: "inboundNatRules"}, {Parent: "loadBalancers", Type: "backendAddressPools"},
	} {
		e.Deps, e.Parent, e.Member = d.Deps, ns+e.Parent, e.Type
		more = append(more, e.Routes()...)
	}
	item, _ := types[0].Path()
	more = append(more, arm.Post(arm.InGroup+item+"/subnets/{subnets}/PrepareNetworkPolicies", ns+"virtualNetworks/subnets/PrepareNetworkPolicies/action", tracked.Nothing))
	return provide("Microsoft.Network", types, more...)
}

// settleNetwork gives a thing of a network its id for life.
func (d Deps) settleNetwork(_ *resource.Resource, stored, props arm.Object) {
	d.once(stored, props, "resourceGuid")
}

// showNetwork fills in the ids of what a thing consists of, and the lists that clients expect.
func showNetwork(kind string, lists []string) func(*arm.Request, resource.Resource, *tracked.Resource, arm.Object) {
	return func(_ *arm.Request, res resource.Resource, _ *tracked.Resource, props arm.Object) {
		for _, member := range lists {
			var list []arm.Object
			if props.Into(member, &list) != nil {
				continue
			}
			for _, o := range list {
				name, err := o.Text("name")
				if err != nil || name == "" {
					continue
				}
				inner := tracked.Decode(o["properties"])
				tracked.Set(inner, "provisioningState", tracked.Succeeded)
				switch member {
				case "subnets":
					showSubnet(inner)
				case "ipConfigurations":
					tracked.Fill(inner, "privateIPAllocationMethod", "Dynamic")
					tracked.Fill(inner, "privateIPAddress", "10.0.0.4")
					tracked.Fill(inner, "privateIPAddressVersion", "IPv4")
				}
				tracked.Set(o, "id", res.ID.Child(member, name).String())
				tracked.Set(o, "type", "Microsoft.Network/"+kind+"/"+member)
				o["properties"] = tracked.Encode(inner)
			}
			tracked.Set(props, member, append([]arm.Object{}, list...))
		}
		switch kind {
		case "networkInterfaces":
			tracked.Fill(props, "dnsSettings", nicNames{DNSServers: []string{}, AppliedDNSServers: []string{}})
			tracked.Fill(props, "enableIPForwarding", false)
			tracked.Fill(props, "enableAcceleratedNetworking", false)
			tracked.Fill(props, "macAddress", "00-00-5E-00-53-01")
		case "publicIPAddresses":
			tracked.Fill(props, "publicIPAllocationMethod", "Dynamic")
			tracked.Fill(props, "publicIPAddressVersion", "IPv4")
			tracked.Fill(props, "idleTimeoutInMinutes", 4)
		}
	}
}

// nicNames are the name servers of a network interface.
type nicNames struct {
	DNSServers        []string `json:"dnsServers"`
	AppliedDNSServers []string `json:"appliedDnsServers"`
}

// showSubnet fills in what clients dereference in a subnet.
func showSubnet(props arm.Object) {
	tracked.Fill(props, "delegations", []struct{}{})
	tracked.Fill(props, "privateEndpointNetworkPolicies", "Disabled")
	tracked.Fill(props, "privateLinkServiceNetworkPolicies", "Enabled")
}
