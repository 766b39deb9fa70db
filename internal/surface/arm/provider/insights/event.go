package insights

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/resource"
)

// localized is a value with its name for people.
type localized struct {
	Value          string `json:"value"`
	LocalizedValue string `json:"localizedValue"`
}

// event is an entry of the activity log (CP §6.3).
type event struct {
	ID                   string            `json:"id"`
	EventDataID          string            `json:"eventDataId"`
	CorrelationID        string            `json:"correlationId"`
	OperationID          string            `json:"operationId"`
	EventName            localized         `json:"eventName"`
	Category             localized         `json:"category"`
	EventTimestamp       string            `json:"eventTimestamp"`
	SubmissionTimestamp  string            `json:"submissionTimestamp"`
	Level                string            `json:"level"`
	OperationName        localized         `json:"operationName"`
	Status               localized         `json:"status"`
	SubStatus            localized         `json:"subStatus"`
	ResourceID           string            `json:"resourceId"`
	ResourceGroupName    string            `json:"resourceGroupName,omitempty"`
	ResourceProviderName localized         `json:"resourceProviderName"`
	ResourceType         localized         `json:"resourceType"`
	SubscriptionID       string            `json:"subscriptionId,omitempty"`
	TenantID             string            `json:"tenantId,omitempty"`
	Caller               string            `json:"caller"`
	Claims               map[string]string `json:"claims"`
	Authorization        authorization     `json:"authorization"`
	HTTPRequest          httpRequest       `json:"httpRequest"`
	Properties           map[string]string `json:"properties"`
	Channels             string            `json:"channels"`
	Description          string            `json:"description"`
}

// authorization says what was asked for, where, and as whom.
type authorization struct {
	Action   string   `json:"action"`
	Scope    string   `json:"scope"`
	Evidence evidence `json:"evidence"`
}

// evidence is the principal whose permission counted.
type evidence struct {
	PrincipalID   string `json:"principalId,omitempty"`
	PrincipalType string `json:"principalType,omitempty"`
}

// httpRequest is what came over the wire.
type httpRequest struct {
	ClientRequestID string `json:"clientRequestId,omitempty"`
	ClientIPAddress string `json:"clientIpAddress,omitempty"`
	Method          string `json:"method"`
}

// newEvents writes a record as the pair of events that clients look for: the end of the
// operation and its beginning, with one operationId (CP §6.3). Their ids follow from the
// record's place in the log, so every reading names them alike.
func newEvents(s audit.Stored) (end, begin event) {
	place := fmt.Sprintf("%s/%d", s.Server, s.Seq)
	end = common(s)
	end.OperationID = uuid.NewSHA1(uuid.NameSpaceOID, []byte("operation/"+place)).String()
	begin = end
	end.name("EndRequest", "End request", uuid.NewSHA1(uuid.NameSpaceOID, []byte("end/"+place)), s.Time)
	begin.name("BeginRequest", "Begin request", uuid.NewSHA1(uuid.NameSpaceOID, []byte("begin/"+place)), s.Time)
	begin.Status, begin.Properties = localized{"Started", "Started"}, properties(s)
	if body := requestBody(s); body != "" && begin.HTTPRequest.Method == http.MethodPut {
		begin.Properties["requestbody"] = body
	}
	status := statusOf(s)
	end.Status, end.SubStatus = localized{"Succeeded", "Succeeded"}, localized{strings.ReplaceAll(http.StatusText(status), " ", ""), fmt.Sprintf("%s (HTTP Status Code: %d)", http.StatusText(status), status)}
	end.Properties = properties(s)
	end.Properties["statusCode"] = end.SubStatus.Value
	if s.Outcome != audit.Succeeded {
		end.Status, end.Level = localized{"Failed", "Failed"}, "Error"
		end.Properties["statusMessage"] = s.Reason
	} else if body := requestBody(s); body != "" && end.HTTPRequest.Method == http.MethodDelete {
		end.Properties["responseBody"] = body
	}
	return end, begin
}

// common is what both events of a record say.
func common(s audit.Stored) event {
	e := event{
		CorrelationID: s.Actor.CorrelationID, Category: localized{"Administrative", "Administrative"}, Level: "Informational",
		OperationName: localized{s.Operation, s.Operation}, ResourceID: s.Target, SubscriptionID: string(s.Subscription), TenantID: string(s.Actor.Tenant),
		Caller: string(s.Actor.Object), Claims: claims(s.Actor), Channels: "Operation",
		Authorization: authorization{s.Operation, s.Target, evidence{strings.ReplaceAll(string(s.Actor.Object), "-", ""), principalType(s.Actor)}},
		HTTPRequest:   httpRequest{s.Actor.ClientRequestID, address(s.Actor.Source), method(s)},
	}
	if s.Actor.Type == "User" && s.Actor.Name != "" {
		e.Caller = s.Actor.Name
	}
	kind, _, _ := cutLast(s.Operation, "/")
	e.ResourceType = localized{kind, kind}
	namespace, _, _ := strings.Cut(kind, "/")
	e.ResourceProviderName = localized{namespace, namespace}
	if id, err := resource.ParseID(s.Target); err == nil {
		e.ResourceGroupName = id.Group()
	}
	return e
}

// name makes the event one of the two of its operation.
func (e *event) name(value, said string, id uuid.UUID, at time.Time) {
	const epoch = 62135596800 // seconds from year 1 to 1970
	e.EventDataID, e.EventName = id.String(), localized{value, said}
	e.ID = fmt.Sprintf("%s/events/%s/ticks/%d", e.ResourceID, e.EventDataID, (at.Unix()+epoch)*1e7)
	e.EventTimestamp = at.UTC().Format("2006-01-02T15:04:05.0000000Z")
	e.SubmissionTimestamp = e.EventTimestamp
}

// properties are the texts that stand beside an event.
func properties(s audit.Stored) map[string]string {
	p := map[string]string{"eventCategory": "Administrative", "entity": s.Target, "message": s.Operation, "serviceRequestId": s.Actor.RequestID}
	if s.Subscription != "" {
		p["hierarchy"] = string(s.Actor.Tenant) + "/" + string(s.Subscription)
	}
	return p
}

// requestBody is what was written, as far as a client reads it from the log: role
// assignments, for `az role assignment list-changelogs`. Nothing in it is secret.
func requestBody(s audit.Stored) string {
	if !strings.HasPrefix(strings.ToLower(s.Operation), "microsoft.authorization/roleassignments/") || s.Details["role_id"] == "" {
		return ""
	}
	type inner struct {
		PrincipalID      string `json:"principalId"`
		PrincipalType    string `json:"principalType,omitempty"`
		RoleDefinitionID string `json:"roleDefinitionId"`
		Scope            string `json:"scope,omitempty"`
	}
	prefix := ""
	if s.Subscription != "" {
		prefix = "/subscriptions/" + string(s.Subscription)
	}
	body := struct {
		ID         string `json:"id"`
		Properties inner  `json:"properties"`
	}{s.Target, inner{s.Details["principal_id"], s.Details["principal_type"], prefix + "/providers/Microsoft.Authorization/roleDefinitions/" + s.Details["role_id"], s.Details["scope"]}}
	text, err := json.Marshal(body)
	if err != nil {
		return ""
	}
	return string(text)
}

// alwaysCreated are the writes that answer 201 whatever was there (CP §2.7).
var alwaysCreated = []string{"microsoft.authorization/roleassignments/write", "microsoft.authorization/roledefinitions/write"}

// statusOf is the HTTP status that the caller got, as far as the record says it.
func statusOf(s audit.Stored) int {
	if n, err := strconv.Atoi(s.Details["status"]); err == nil {
		return n
	}
	switch {
	case s.Outcome == audit.Denied:
		return http.StatusForbidden
	case s.Outcome == audit.Failed:
		return http.StatusBadRequest
	case s.Details["created"] == "true", slices.Contains(alwaysCreated, strings.ToLower(s.Operation)):
		return http.StatusCreated
	}
	return http.StatusOK
}

// method is the request's; of what no request caused, the one that would have.
func method(s audit.Stored) string {
	if s.Actor.Method != "" {
		return s.Actor.Method
	}
	_, verb, _ := cutLast(s.Operation, "/")
	switch strings.ToLower(verb) {
	case "write":
		return http.MethodPut
	case "delete":
		return http.MethodDelete
	}
	return http.MethodPost
}

// claims are those of the caller's token that a record keeps.
func claims(a audit.Actor) map[string]string {
	c := map[string]string{}
	for name, value := range map[string]string{
		"appid": string(a.App), "name": a.Name,
		"http://schemas.microsoft.com/identity/claims/objectidentifier": string(a.Object),
		"http://schemas.microsoft.com/identity/claims/tenantid":         string(a.Tenant),
	} {
		if value != "" {
			c[name] = value
		}
	}
	if a.Type != "User" && a.Object != "" {
		c["idtyp"] = "app"
	}
	return c
}

// principalType is the kind of the caller as role assignments spell it.
func principalType(a audit.Actor) string {
	switch {
	case a.Object == "":
		return ""
	case a.Type == "User":
		return "User"
	}
	return "ServicePrincipal"
}

// address is a peer's without its port.
func address(source string) string {
	host, _, ok := cutLast(source, ":")
	if !ok {
		return source
	}
	return strings.Trim(host, "[]")
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
