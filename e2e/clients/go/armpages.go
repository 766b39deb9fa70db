package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v3"
)

// writersAtOnce is how many identities armPages makes at the same time.
const writersAtOnce = 8

// armPages makes so many identities in a group of their own and lists them with the SDK's
// pager: how many there are, how many different ones, and on how many pages.
func armPages(ctx context.Context, manager, subscription, group, count string) (answer, error) {
	n, err := strconv.Atoi(count)
	if err != nil {
		return answer{}, err
	}
	m, err := newManagement(manager, subscription)
	if err != nil {
		return answer{}, err
	}
	groups, err := armresources.NewResourceGroupsClient(subscription, m.cred, m.options)
	if err != nil {
		return answer{}, err
	}
	if _, err := groups.CreateOrUpdate(ctx, group, armresources.ResourceGroup{Location: to.Ptr("local")}, nil); err != nil {
		return answer{}, err
	}
	client, err := armmsi.NewUserAssignedIdentitiesClient(subscription, m.cred, m.options)
	if err != nil {
		return answer{}, err
	}
	if err := makeIdentities(ctx, client, group, n); err != nil {
		return answer{}, err
	}
	listed, pages, names := 0, 0, map[string]bool{}
	for pager := client.NewListByResourceGroupPager(group, nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return answer{}, err
		}
		pages++
		listed += len(page.Value)
		for _, i := range page.Value {
			names[deref(i.Name)] = true
		}
	}
	return answer{OK: true, Steps: fields{"listed": listed, "different": len(names), "several_pages": pages > 1}}, nil
}

// makeIdentities makes n identities, several at once, and returns the first failure.
func makeIdentities(ctx context.Context, client *armmsi.UserAssignedIdentitiesClient, group string, n int) error {
	var wait sync.WaitGroup
	failures := make(chan error, writersAtOnce)
	for w := range writersAtOnce {
		wait.Go(func() {
			for i := w; i < n; i += writersAtOnce {
				if _, err := client.CreateOrUpdate(ctx, group, fmt.Sprintf("identity-%04d", i), armmsi.Identity{Location: to.Ptr("local")}, nil); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	wait.Wait()
	close(failures)
	return <-failures
}
