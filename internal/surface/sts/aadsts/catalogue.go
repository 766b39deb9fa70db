// Package aadsts is the catalogue of the codes by which the sign-in room says what is wrong:
// the public service's numbers, with HTTP status and sentence.
package aadsts

import "net/http"

// Codes of our own for what the public service answers with a page instead of JSON. They
// are shown as the nearest public number.
const (
	NoEndpoint = -1 // no such path
	Method     = -2 // a method that the path does not have
	Throttled  = -3 // too many wrong secrets or assertions
	TooLarge   = -4 // a form above 64 KiB
	Declined   = -5 // the person said no
	Busy       = -6 // too many sign-ins wait

	FederatedKey    = -7 // a key or signature of an outside issuer
	NotUserAssigned = -8 // a system-assigned identity as the credential of an application
	Ended           = -9 // a revoked token as the credential of an application

	Malformed = -10 // an assertion that is no token
)

// Entry is a row of the catalogue: how a code looks on the wire.
type Entry struct {
	Status int
	Error  string // RFC 6749 §5.2, or one of Entra's own
	Number int    // 0: the code itself
	Text   string // what it means; may hold one %s
	Sub    string // suberror: what MSAL does about an invalid_grant
}

// Catalogue holds every AADSTS number this service answers with (DT-4.2). The sentences
// are ours; clients look at the numbers.
var Catalogue = map[int]Entry{
	50049:   {http.StatusBadRequest, "invalid_instance", 0, "The authority %s is not one of this sign-in service.", ""},
	50059:   {http.StatusBadRequest, "invalid_request", 0, "The request names no tenant to act in: put the tenant's id or domain into the URL.", ""},
	70003:   {http.StatusBadRequest, "unsupported_grant_type", 0, "The grant type %s is not supported.", ""},
	70011:   {http.StatusBadRequest, "invalid_scope", 0, "The scope %s is not valid: name exactly one resource.", ""},
	50166:   {http.StatusBadRequest, "invalid_request", 0, "The issuer of the assertion does not publish what it should: %s.", ""},
	70025:   {http.StatusUnauthorized, "invalid_client", 0, "The application %s has no federated identity credential.", ""},
	90002:   {http.StatusBadRequest, "invalid_request", 0, "The tenant %s was not found. Check the tenant's id, and that this is the right installation.", ""},
	90013:   {http.StatusBadRequest, "invalid_request", 0, "The request is not valid: %s.", ""},
	90033:   {http.StatusServiceUnavailable, "temporarily_unavailable", 0, "The service is temporarily unavailable. Try again.", ""},
	501051:  {http.StatusBadRequest, "unauthorized_client", 0, "The client is not assigned to a role for the application %s.", ""},
	50105:   {http.StatusBadRequest, "invalid_grant", 0, "The signed-in user is not assigned to a role for the application %s.", ""},
	500011:  {http.StatusBadRequest, "invalid_resource", 0, "The resource principal named %s was not found in this tenant. Check the spelling of the resource.", ""},
	700016:  {http.StatusBadRequest, "unauthorized_client", 0, "The application %s was not found in this directory. Check the client id and the tenant.", ""},
	700021:  {http.StatusUnauthorized, "invalid_client", 0, "Issuer and subject of the client assertion must both be the client id.", ""},
	700023:  {http.StatusUnauthorized, "invalid_client", 0, "The audience of the client assertion is not this tenant's token endpoint or issuer.", ""},
	700024:  {http.StatusUnauthorized, "invalid_client", 0, "The client assertion is not within its valid time range. Current time: %s.", ""},
	700027:  {http.StatusUnauthorized, "invalid_client", 0, "The client assertion was not signed by a registered certificate of the application %s.", ""},
	7000112: {http.StatusBadRequest, "unauthorized_client", 0, "The application %s is disabled.", ""},
	7000215: {http.StatusUnauthorized, "invalid_client", 0, "The client secret is wrong. Send the secret's value, not its id, for the application %s.", ""},
	7000216: {http.StatusUnauthorized, "invalid_client", 0, "The grant client_credentials needs client_secret or client_assertion.", ""},
	7000222: {http.StatusUnauthorized, "invalid_client", 0, "The client credential of the application %s has expired. Create a new one.", ""},
	900023:  {http.StatusBadRequest, "invalid_request", 0, "The tenant %s is neither a GUID nor a domain name.", ""},
	900144:  {http.StatusBadRequest, "invalid_request", 0, "The request body must contain the parameter %s.", ""},
	900561:  {http.StatusMethodNotAllowed, "invalid_request", 0, "This endpoint accepts POST only.", ""},
	901002:  {http.StatusBadRequest, "invalid_request", 0, "The v2.0 endpoint does not take the parameter resource: use scope.", ""},
	1002012: {http.StatusBadRequest, "invalid_scope", 0, "The scope %s is not valid for client_credentials: it must be a resource followed by /.default.", ""},
	9001023: {http.StatusBadRequest, "invalid_request", 0, "The tenant %s is not served here.", ""},
	9002313: {http.StatusBadRequest, "invalid_request", 0, "The request is malformed: %s.", ""},

	16000:   {http.StatusBadRequest, "interaction_required", 0, "The person has to choose an account.", ""},
	28000:   {http.StatusBadRequest, "invalid_scope", 0, "The scopes %s belong to several resources: ask for one at a time.", ""},
	50011:   {http.StatusBadRequest, "invalid_request", 0, "The redirect URI %s is not one of this application's.", ""},
	50020:   {http.StatusBadRequest, "invalid_grant", 0, "The person has no account in the tenant %s.", ""},
	50034:   {http.StatusBadRequest, "invalid_grant", 0, "The account does not exist in this tenant any more.", ""},
	50053:   {http.StatusBadRequest, "invalid_grant", 0, "Too many wrong passwords: sign-in to this account is locked for a while.", ""},
	50055:   {http.StatusBadRequest, "invalid_grant", 0, "The password has to be changed first: sign in with a browser.", "user_password_expired"},
	50057:   {http.StatusBadRequest, "invalid_grant", 0, "The account is disabled.", ""},
	50058:   {http.StatusBadRequest, "login_required", 0, "Nobody is signed in, and the request forbids asking.", ""},
	50126:   {http.StatusBadRequest, "invalid_grant", 0, "The user name or the password is wrong.", ""},
	50142:   {http.StatusBadRequest, "invalid_grant", 0, "The new password does not meet the rules.", ""},
	50173:   {http.StatusBadRequest, "invalid_grant", 0, "The grant was revoked: the password or the account has changed, or a token was used twice. Sign in again.", "bad_token"},
	54005:   {http.StatusBadRequest, "invalid_grant", 0, "The authorization code was used already.", "bad_token"},
	65001:   {http.StatusBadRequest, "invalid_grant", 0, "The application has no permission to act for people at %s. Grant it: az ad app permission grant.", "consent_required"},
	65004:   {http.StatusBadRequest, "access_denied", 0, "The person cancelled.", ""},
	70000:   {http.StatusBadRequest, "invalid_grant", 0, "The code or token is not valid, has expired, or was issued to another client or redirect URI.", "bad_token"},
	70016:   {http.StatusBadRequest, "authorization_pending", 0, "The person has not finished signing in.", ""},
	70018:   {http.StatusBadRequest, "bad_verification_code", 0, "The code is wrong or has expired.", ""},
	70020:   {http.StatusBadRequest, "expired_token", 0, "The device code has expired. Ask for a new one.", ""},
	501481:  {http.StatusBadRequest, "invalid_grant", 0, "The code_verifier does not match the code_challenge of the authorization request.", ""},
	700025:  {http.StatusUnauthorized, "invalid_client", 0, "The application %s is a public client: it must send neither client_secret nor client_assertion.", ""},
	700054:  {http.StatusBadRequest, "unsupported_response_type", 0, "The response_type %s is not supported: use code.", ""},
	700082:  {http.StatusBadRequest, "invalid_grant", 0, "The refresh token has expired because it was not used for 90 days. Sign in again.", "bad_token"},
	7000218: {http.StatusUnauthorized, "invalid_client", 0, "The request body must contain client_assertion or client_secret for the application %s.", ""},
	9002325: {http.StatusBadRequest, "invalid_request", 0, "The request needs PKCE: code_challenge with code_challenge_method=S256.", ""},

	90061:   {http.StatusBadRequest, "invalid_request", 0, "The keys of the assertion's issuer could not be fetched: %s.", ""},
	700211:  {http.StatusUnauthorized, "invalid_client", 0, "No matching federated identity record found for presented assertion issuer %s. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.", ""},
	700212:  {http.StatusUnauthorized, "invalid_client", 0, "No matching federated identity record found for presented assertion audience %s. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.", ""},
	700213:  {http.StatusUnauthorized, "invalid_client", 0, "No matching federated identity record found for presented assertion subject %s. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.", ""},
	700214:  {http.StatusUnauthorized, "invalid_client", 0, "The federated identity credential for this tenant's issuer must have the audience api://AzureADTokenExchange, not the id %s.", ""},
	700229:  {http.StatusBadRequest, "invalid_request", 0, "Only the token of a managed identity for api://AzureADTokenExchange serves as an assertion of this issuer.", ""},
	700231:  {http.StatusBadRequest, "invalid_request", 0, "A token that was itself obtained by a federated identity credential does not serve as an assertion.", ""},
	700263:  {http.StatusBadRequest, "invalid_request", 0, "The client assertion was used before, and the application %s accepts each only once.", ""},
	7002138: {http.StatusUnauthorized, "invalid_client", 0, "No matching federated identity record found for presented assertion subject %s: one differs by the case of letters only, and the comparison is case-sensitive.", ""},

	FederatedKey:    {http.StatusUnauthorized, "invalid_client", 700027, "The federated assertion could not be verified: %s.", ""},
	NotUserAssigned: {http.StatusUnauthorized, "invalid_client", 700211, "Only a user-assigned managed identity serves as the credential of an application.", ""},
	Ended:           {http.StatusUnauthorized, "invalid_client", 700024, "The managed identity's token was revoked, or its identity deleted. Get a new one.", ""},

	Malformed: {http.StatusUnauthorized, "invalid_client", 700027, "The client assertion is not one JSON Web Token in compact form, with nothing before or behind it but the line break of a file.", ""},

	NoEndpoint: {http.StatusNotFound, "invalid_request", 90013, "There is no such endpoint.", ""},
	Method:     {http.StatusMethodNotAllowed, "invalid_request", 90013, "This endpoint accepts GET only.", ""},
	Throttled:  {http.StatusTooManyRequests, "temporarily_unavailable", 90033, "Too many wrong client secrets or assertions for the application %s. Wait before the next attempt.", ""},
	Declined:   {http.StatusBadRequest, "authorization_declined", 70000, "The person declined.", ""},
	Busy:       {http.StatusTooManyRequests, "temporarily_unavailable", 90033, "Too many sign-ins are waiting. Try again later.", ""},
	TooLarge:   {http.StatusRequestEntityTooLarge, "invalid_request", 9002313, "The request body is larger than 64 KiB.", ""},
}

// Internal is what a failure of ours looks like: it says nothing.
var Internal = Entry{http.StatusInternalServerError, "server_error", 90033, "The service failed. The request can be found by its trace id.", ""}
