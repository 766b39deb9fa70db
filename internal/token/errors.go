package token

import "github.com/sealring/sealring/internal/fault"

// What can be wrong with a token or an assertion. Nothing of the token's own text is in them.
var (
	// ErrMalformed is a text that is not a strict compact JWS, or whose claims have the wrong type (S-29).
	ErrMalformed = fault.New(fault.Unauthenticated, "the token is malformed")
	// ErrAlgorithm is an algorithm that the key behind the token is not for (S-26).
	ErrAlgorithm = fault.New(fault.Unauthenticated, "the signature algorithm is not accepted")
	// ErrSignature is a signature that the key did not make.
	ErrSignature = fault.New(fault.Unauthenticated, "the signature is not valid")
	// ErrUnknownKey is a key id or thumbprint that names no key in use (S-27, S-28, S-32).
	ErrUnknownKey = fault.New(fault.Unauthenticated, "the key that signed the token is not known")
	// ErrRevokedKey is the ErrUnknownKey of a key of ours that was revoked: a new token helps.
	ErrRevokedKey = ErrUnknownKey.With("the key that signed the token was revoked")
	// ErrIssuer is an issuer other than the one of the token's tenant.
	ErrIssuer = fault.New(fault.Unauthenticated, "the issuer of the token is not accepted")
	// ErrTenant is a token of another tenant than the one addressed.
	ErrTenant = fault.New(fault.Unauthenticated, "the token is from another tenant")
	// ErrAudience is a token meant for somebody else.
	ErrAudience = fault.New(fault.Unauthenticated, "the audience of the token is not accepted")
	// ErrExpired is a token past its end.
	ErrExpired = fault.New(fault.Unauthenticated, "the token has expired")
	// ErrNotYetValid is a token whose start, or issue, lies in the future by more than the skew.
	ErrNotYetValid = fault.New(fault.Unauthenticated, "the token is not valid yet")
	// ErrTooLong is an assertion that wants to be valid for longer than is accepted (S-36).
	ErrTooLong = fault.New(fault.Unauthenticated, "the assertion expires too far in the future")
	// ErrClaim is a required claim that is missing or contradicts another.
	ErrClaim = fault.New(fault.Unauthenticated, "a required claim is missing or wrong")
	// ErrKind is a genuine token of one kind offered as another (S-33).
	ErrKind = fault.New(fault.Unauthenticated, "a token of this kind is not accepted here")
	// ErrDerived is a token that was itself obtained by a federated assertion, offered as one (DT 2.6).
	ErrDerived = fault.New(fault.Unauthenticated, "a token obtained by federation is not accepted as an assertion")
	// ErrSubject is an assertion whose issuer and subject are not the client it is offered for (S-36).
	ErrSubject = fault.New(fault.Unauthenticated, "issuer and subject of the assertion are not the client")
	// ErrCertificateExpired is an assertion signed with a registered certificate outside its time.
	ErrCertificateExpired = fault.New(fault.Unauthenticated, "the certificate of the client is not valid at this time")
	// ErrKeyWeak is a certificate with a key or signature below today's strength (S-39).
	ErrKeyWeak = fault.New(fault.Invalid, "the certificate is too weak")
	// ErrAudienceUnknown is a request for a token to a resource that the tenant does not know.
	ErrAudienceUnknown = fault.New(fault.Invalid, "the resource is not known in this tenant")
)
