package deployments

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/deployment"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/template/value"
)

// wireDeployment is a deployment in answers (CP §7.8).
type wireDeployment struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Location   string            `json:"location,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Properties properties        `json:"properties"`
}

// properties are its properties.
type properties struct {
	TemplateHash       string           `json:"templateHash"`
	Parameters         json.RawMessage  `json:"parameters,omitempty"`
	Mode               string           `json:"mode"`
	ProvisioningState  string           `json:"provisioningState"`
	Timestamp          string           `json:"timestamp"`
	Duration           string           `json:"duration"`
	CorrelationID      string           `json:"correlationId"`
	Providers          []wireProvider   `json:"providers"`
	Dependencies       []wireDependency `json:"dependencies"`
	Outputs            json.RawMessage  `json:"outputs,omitempty"`
	OutputResources    []wireID         `json:"outputResources,omitempty"`
	ValidatedResources []wireID         `json:"validatedResources,omitempty"`
	Error              *arm.Detail      `json:"error,omitempty"`
}

// wireProvider is a namespace that a deployment names.
type wireProvider struct {
	Namespace     string     `json:"namespace"`
	ResourceTypes []wireType `json:"resourceTypes"`
}

// wireType is a type of it; the first location is null where a type has none.
type wireType struct {
	ResourceType string   `json:"resourceType"`
	Locations    []string `json:"locations"`
}

// wireDependency is a resource and what it waits for.
type wireDependency struct {
	DependsOn []wireTarget `json:"dependsOn"`
	wireTarget
}

// wireTarget names a resource in three ways.
type wireTarget struct {
	ID           string `json:"id"`
	ResourceType string `json:"resourceType"`
	ResourceName string `json:"resourceName"`
}

// wireID is a resource by its id.
type wireID struct {
	ID string `json:"id"`
}

// wire shapes a deployment; validated are the resources that validation looked at.
func (p *provider) wire(d deployment.Deployment, validated []string) wireDeployment {
	w := wireDeployment{ID: d.ID.String(), Name: d.ID.Name(), Type: "Microsoft.Resources/deployments", Location: d.Location, Tags: d.Tags}
	w.Properties = properties{TemplateHash: d.Hash, Parameters: d.Parameters, Mode: d.Mode, ProvisioningState: d.State, Timestamp: arm.Time(d.Changed),
		Duration: duration(d.Duration), CorrelationID: d.Correlated, Providers: []wireProvider{}, Dependencies: []wireDependency{}, Outputs: d.Outputs,
		OutputResources: wireIDs(d.Resources), ValidatedResources: wireIDs(validated)}
	for _, one := range d.Providers {
		wp := wireProvider{Namespace: one.Namespace}
		for _, kind := range one.Types {
			wp.ResourceTypes = append(wp.ResourceTypes, wireType{ResourceType: kind, Locations: []string{strings.ToLower(p.LocationName)}})
		}
		w.Properties.Providers = append(w.Properties.Providers, wp)
	}
	for _, one := range d.Dependencies {
		wd := wireDependency{wireTarget: newTarget(one.ID)}
		for _, after := range one.After {
			wd.DependsOn = append(wd.DependsOn, newTarget(after))
		}
		w.Properties.Dependencies = append(w.Properties.Dependencies, wd)
	}
	w.Properties.Error = newError(d.Failure)
	return w
}

// newError shapes a failure; nil for none.
func newError(f *deployment.Failure) *arm.Detail {
	if f == nil {
		return nil
	}
	d := details([]deployment.Failure{*f})[0]
	return &d
}

// wireIDs shapes a list of ids.
func wireIDs(ids []string) []wireID {
	var out []wireID
	for _, one := range ids {
		out = append(out, wireID{one})
	}
	return out
}

// newTarget names a resource.
func newTarget(text string) wireTarget {
	t := wireTarget{ID: text}
	if at, err := resource.ParseID(text); err == nil {
		t.ResourceType, t.ResourceName = at.Type(), at.FullName()
	}
	return t
}

// duration is ISO 8601, in seconds with three decimals at most.
func duration(d time.Duration) string {
	return "PT" + strconv.FormatFloat(d.Round(time.Millisecond).Seconds(), 'f', -1, 64) + "S"
}

// wireStatus is the state of a deployment for pollers (CP §2.6).
type wireStatus struct {
	ID        string      `json:"id"`
	Name      string      `json:"name"`
	Status    string      `json:"status"`
	StartTime string      `json:"startTime"`
	EndTime   string      `json:"endTime,omitempty"`
	Error     *arm.Detail `json:"error,omitempty"`
}

// newStatus shapes the state.
func newStatus(d deployment.Deployment) wireStatus {
	w := wireStatus{ID: d.ID.String() + "/operationStatuses/" + d.Operation, Name: d.Operation, Status: d.State, StartTime: arm.Time(d.Started)}
	if d.Done() {
		w.EndTime, w.Error = arm.Time(d.Changed), newError(d.Failure)
	}
	return w
}

// wireOperation is one thing that a deployment did.
type wireOperation struct {
	ID          string              `json:"id"`
	OperationID string              `json:"operationId"`
	Properties  operationProperties `json:"properties"`
}

// operationProperties are its properties.
type operationProperties struct {
	ProvisioningOperation string         `json:"provisioningOperation"`
	ProvisioningState     string         `json:"provisioningState"`
	Timestamp             string         `json:"timestamp"`
	Duration              string         `json:"duration"`
	TrackingID            string         `json:"trackingId"`
	ServiceRequestID      string         `json:"serviceRequestId,omitempty"`
	StatusCode            string         `json:"statusCode,omitempty"`
	StatusMessage         *statusMessage `json:"statusMessage,omitempty"`
	TargetResource        *wireTarget    `json:"targetResource,omitempty"`
}

// statusMessage says why an operation failed.
type statusMessage struct {
	Error *arm.Detail `json:"error"`
}

// statusNames are the statuses that operations end with, in words.
var statusNames = map[int]string{200: "OK", 201: "Created", 202: "Accepted", 204: "NoContent", 400: "BadRequest", 401: "Unauthorized", 403: "Forbidden",
	404: "NotFound", 405: "MethodNotAllowed", 409: "Conflict", 412: "PreconditionFailed", 413: "RequestEntityTooLarge", 429: "TooManyRequests",
	500: "InternalServerError", 503: "ServiceUnavailable"}

// newOperation shapes an operation.
func newOperation(at resource.ID, op deployment.Operation) wireOperation {
	w := wireOperation{ID: fmt.Sprintf("%s/operations/%s", at, op.ID), OperationID: op.ID, Properties: operationProperties{ProvisioningOperation: op.Kind,
		ProvisioningState: op.State, Timestamp: arm.Time(op.At), Duration: duration(op.Duration), TrackingID: op.Tracking, StatusCode: statusNames[op.Status]}}
	if op.Failure != nil {
		w.Properties.StatusMessage = &statusMessage{newError(op.Failure)}
	}
	if op.Target != "" {
		t := newTarget(op.Target)
		w.Properties.TargetResource = &t
	}
	return w
}

// wireWhatIf is the answer of whatIf.
type wireWhatIf struct {
	Status     string        `json:"status"`
	Properties wireForecasts `json:"properties"`
}

// wireForecasts are the changes that it holds.
type wireForecasts struct {
	CorrelationID    string       `json:"correlationId,omitempty"`
	Changes          []wireChange `json:"changes"`
	PotentialChanges []wireChange `json:"potentialChanges"`
	Diagnostics      []struct{}   `json:"diagnostics"`
}

// wireChange is what a deployment would do to a resource.
type wireChange struct {
	ResourceID        string           `json:"resourceId"`
	ChangeType        string           `json:"changeType"`
	UnsupportedReason string           `json:"unsupportedReason,omitempty"`
	Before            *value.Object    `json:"before,omitempty"`
	After             *value.Object    `json:"after,omitempty"`
	Delta             []wireDifference `json:"delta,omitempty"`
}

// wireDifference is one path of it.
type wireDifference struct {
	Path               string          `json:"path"`
	PropertyChangeType string          `json:"propertyChangeType"`
	Before             json.RawMessage `json:"before,omitempty"`
	After              json.RawMessage `json:"after,omitempty"`
}

// newWhatIf shapes the changes.
func newWhatIf(changes []deployment.Change, full bool) wireWhatIf {
	w := wireWhatIf{Status: deployment.Succeeded, Properties: wireForecasts{Changes: []wireChange{}, PotentialChanges: []wireChange{}, Diagnostics: []struct{}{}}}
	for _, c := range changes {
		one := wireChange{ResourceID: c.ID.String(), ChangeType: c.Kind, UnsupportedReason: c.Why}
		if !full {
			if c.Kind == "Modify" || c.Kind == "NoChange" {
				one.ChangeType = "Deploy" // as Azure answers where it compares nothing
			}
		} else {
			one.Before, one.After = c.Before, c.After
			for _, d := range c.Delta {
				wd := wireDifference{Path: d.Path, PropertyChangeType: d.Kind}
				if d.Before != nil {
					wd.Before = value.Marshal(d.Before)
				}
				if d.After != nil {
					wd.After = value.Marshal(d.After)
				}
				one.Delta = append(one.Delta, wd)
			}
		}
		w.Properties.Changes = append(w.Properties.Changes, one)
	}
	return w
}
