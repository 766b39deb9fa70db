package arm

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/paging"
)

// ErrOperation is an operation that nobody started, that somebody else started, or that is
// too long ago.
var ErrOperation = fault.New(fault.NotFound, "The operation was not found.")

// operationLasts is how long a client may ask about an operation; at least four hours (CP §2.6).
const operationLasts = 24 * time.Hour

// prefers reports whether the client asks to be answered as if the work went on.
func prefers(header string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if strings.EqualFold(strings.TrimSpace(one), "respond-async") {
			return true
		}
	}
	return false
}

// postponed turns the answer of a finished write into that of one that goes on, where the
// client insists on asking later how it went and says so by `Prefer: respond-async` (RFC
// 7240 §4.1). It gets the addresses that it would poll; what they answer lies sealed in them,
// for who started the operation and nobody else (S-50). Creations and changes keep their body, as clients read it; answers to
// actions that have one are not postponed.
func (m *Room) postponed(ctx context.Context, route Route, r *Request, resp Response) (Response, error) {
	creates := route.method == http.MethodPut || route.method == http.MethodPatch
	switch {
	case route.access != Authorized || route.method == http.MethodGet || route.method == http.MethodHead, !prefers(r.Header("Prefer")):
		return resp, nil
	case resp.Status >= 300 || resp.Operation+resp.Location != "" || r.Subscription() == "" || !creates && resp.Body != nil:
		return resp, nil
	}
	token, err := m.pages.Make(ctx, r.operation(), strconv.Itoa(resp.Status)+" "+Time(m.now()))
	if err != nil {
		return Response{}, err
	}
	at := "/subscriptions/" + string(r.Subscription())
	resp.Operation = r.Link(ctx, at+"/operationStatuses/"+token+"?api-version="+r.Version)
	if creates {
		return resp, nil
	}
	return Response{Status: http.StatusAccepted, Operation: resp.Operation, Location: r.Link(ctx, at+"/operationResults/"+token+"?api-version="+r.Version)}, nil
}

// operation is what the address of an operation is bound to.
func (r *Request) operation() paging.Query {
	return paging.Query{Tenant: r.Principal.Tenant, Caller: r.Principal.Object, What: []string{"operation", string(r.Subscription())}, Lasts: operationLasts}
}

// OperationRoutes are where clients ask about what they started.
func OperationRoutes() []Route {
	return []Route{
		GetByAnyone(InSubscription+"/operationStatuses/{operation}", operationStatus),
		GetByAnyone(InSubscription+"/operationResults/{operation}", operationResult),
	}
}

// wireOperation is the state of an operation.
type wireOperation struct {
	ID              string `json:"id"`
	Name            string `json:"name"`
	Status          string `json:"status"`
	StartTime       string `json:"startTime"`
	EndTime         string `json:"endTime"`
	PercentComplete int    `json:"percentComplete"`
}

// ended reads how and when an operation ended. Errors: ErrOperation.
func ended(ctx context.Context, r *Request) (status int, at string, err error) {
	text, err := r.room.pages.Position(ctx, r.operation(), r.Var("operation"))
	if fault.KindOf(err) == fault.Invalid {
		return 0, "", ErrOperation
	}
	if err != nil {
		return 0, "", err
	}
	code, at, _ := strings.Cut(text, " ")
	status, err = strconv.Atoi(code)
	return status, at, err
}

// operationStatus answers that the operation succeeded.
func operationStatus(ctx context.Context, r *Request) (Response, error) {
	_, at, err := ended(ctx, r)
	if err != nil {
		return Response{}, err
	}
	name := r.Var("operation")
	return OK(wireOperation{ID: r.Target.String() + "/operationStatuses/" + name, Name: name, Status: "Succeeded", StartTime: at, EndTime: at, PercentComplete: 100})
}

// operationResult answers as the operation would have been answered.
func operationResult(ctx context.Context, r *Request) (Response, error) {
	status, _, err := ended(ctx, r)
	if err != nil {
		return Response{}, err
	}
	return Response{Status: status}, nil
}
