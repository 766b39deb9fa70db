package provider_test

import (
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// CP §2.6, S-50: who insists on polling may, and nobody else learns how it went.
func TestAnswersToThoseWhoPoll(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	plain := f.Do("owner", "PUT", vm, `{"location":"local"}`).Want(201, "")
	if plain.Header.Get("Azure-AsyncOperation")+plain.Header.Get("Location") != "" {
		t.Errorf("headers %v", plain.Header)
	}
	put := f.Do("owner", "PUT", vm, `{"location":"local"}`, "Prefer: return=minimal, Respond-Async").Want(200, "")
	status := strings.TrimPrefix(put.Header.Get("Azure-AsyncOperation"), armtest.Base)
	if put.At("name") != "vm1" || !strings.HasPrefix(status, armtest.Sub+"/operationStatuses/") || put.Header.Get("Location") != "" || put.Header.Get("Retry-After") == "" {
		t.Fatalf("%s %v", put.Text, put.Header)
	}
	if got := f.OK("owner", "GET", status, ""); got.At("status") != "Succeeded" || got.At("endTime") == "" {
		t.Errorf("%s", got.Text)
	}
	gone := f.Do("owner", "DELETE", vm, "", "Prefer: respond-async").Want(202, "")
	result := strings.TrimPrefix(gone.Header.Get("Location"), armtest.Base)
	f.Do("owner", "GET", result, "").Want(200, "")
	f.Do("reader", "GET", result, "").Want(404, "OperationNotFound")
	f.Do("owner", "GET", strings.Replace(result, "?", "x?", 1), "").Want(404, "OperationNotFound")
	f.Do("owner", "GET", vm, "").Want(404, "ResourceNotFound")
	again := f.Do("owner", "DELETE", vm, "", "Prefer: respond-async").Want(202, "")
	f.Do("owner", "GET", strings.TrimPrefix(again.Header.Get("Location"), armtest.Base), "").Want(204, "")
	f.OK("owner", "PUT", app, `{"location":"local"}`)
	f.Do("owner", "POST", app+"/config/appsettings/list", "", "Prefer: respond-async").Want(200, "") // it has an answer
	f.Do("owner", "PUT", vm, `[]`, "Prefer: respond-async").Want(400, "InvalidRequestContent")
}
