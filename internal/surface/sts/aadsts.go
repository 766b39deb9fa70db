package sts

import "net/http"

// Codes of our own for what the public service answers with a page instead of JSON. They
// are shown as the nearest public number.
const (
	codeNoEndpoint = -1 // no such path
	codeMethod     = -2 // a method that the path does not have
	codeThrottled  = -3 // too many wrong secrets
	codeTooLarge   = -4 // a form above 64 KiB
)

// entry is a row of the catalogue: how a code looks on the wire.
type entry struct {
	status int
	error  string // RFC 6749 §5.2, or one of Entra's own
	number int    // 0: the code itself
	text   string // what it means; may hold one %s
}

// catalogue holds every AADSTS number this service answers with (DT-4.2). The sentences
// are ours; clients look at the numbers.
var catalogue = map[int]entry{
	50049:   {http.StatusBadRequest, "invalid_instance", 0, "The authority %s is not one of this sign-in service."},
	50059:   {http.StatusBadRequest, "invalid_request", 0, "The request names no tenant to act in: put the tenant's id or domain into the URL."},
	70003:   {http.StatusBadRequest, "unsupported_grant_type", 0, "The grant type %s is not supported."},
	70011:   {http.StatusBadRequest, "invalid_scope", 0, "The scope %s is not valid: name exactly one resource."},
	70025:   {http.StatusUnauthorized, "invalid_client", 0, "The application %s has no federated identity credential."},
	90002:   {http.StatusBadRequest, "invalid_request", 0, "The tenant %s was not found. Check the tenant's id, and that this is the right installation."},
	90013:   {http.StatusBadRequest, "invalid_request", 0, "The request is not valid: %s."},
	90033:   {http.StatusServiceUnavailable, "temporarily_unavailable", 0, "The service is temporarily unavailable. Try again."},
	500011:  {http.StatusBadRequest, "invalid_resource", 0, "The resource principal named %s was not found in this tenant. Check the spelling of the resource."},
	700016:  {http.StatusBadRequest, "unauthorized_client", 0, "The application %s was not found in this directory. Check the client id and the tenant."},
	700021:  {http.StatusUnauthorized, "invalid_client", 0, "Issuer and subject of the client assertion must both be the client id."},
	700023:  {http.StatusUnauthorized, "invalid_client", 0, "The audience of the client assertion is not this tenant's token endpoint or issuer."},
	700024:  {http.StatusUnauthorized, "invalid_client", 0, "The client assertion is not within its valid time range. Current time: %s."},
	700027:  {http.StatusUnauthorized, "invalid_client", 0, "The client assertion was not signed by a registered certificate of the application %s."},
	7000112: {http.StatusBadRequest, "unauthorized_client", 0, "The application %s is disabled."},
	7000215: {http.StatusUnauthorized, "invalid_client", 0, "The client secret is wrong. Send the secret's value, not its id, for the application %s."},
	7000216: {http.StatusUnauthorized, "invalid_client", 0, "The grant client_credentials needs client_secret or client_assertion."},
	7000222: {http.StatusUnauthorized, "invalid_client", 0, "The client credential of the application %s has expired. Create a new one."},
	900023:  {http.StatusBadRequest, "invalid_request", 0, "The tenant %s is neither a GUID nor a domain name."},
	900144:  {http.StatusBadRequest, "invalid_request", 0, "The request body must contain the parameter %s."},
	900561:  {http.StatusMethodNotAllowed, "invalid_request", 0, "This endpoint accepts POST only."},
	901002:  {http.StatusBadRequest, "invalid_request", 0, "The v2.0 endpoint does not take the parameter resource: use scope."},
	1002012: {http.StatusBadRequest, "invalid_scope", 0, "The scope %s is not valid for client_credentials: it must be a resource followed by /.default."},
	9001023: {http.StatusBadRequest, "invalid_request", 0, "The tenant %s is not served here."},
	9002313: {http.StatusBadRequest, "invalid_request", 0, "The request is malformed: %s."},

	codeNoEndpoint: {http.StatusNotFound, "invalid_request", 90013, "There is no such endpoint."},
	codeMethod:     {http.StatusMethodNotAllowed, "invalid_request", 90013, "This endpoint accepts GET only."},
	codeThrottled:  {http.StatusTooManyRequests, "temporarily_unavailable", 90033, "Too many wrong client secrets for the application %s. Wait before the next attempt."},
	codeTooLarge:   {http.StatusRequestEntityTooLarge, "invalid_request", 9002313, "The request body is larger than 64 KiB."},
}

// internalEntry is what a failure of ours looks like: it says nothing.
var internalEntry = entry{http.StatusInternalServerError, "server_error", 90033, "The service failed. The request can be found by its trace id."}
