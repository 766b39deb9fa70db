package model

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/surface/graph/edm"
)

// UserObject is a user as Graph sees it, and what a body wants of the password.
type UserObject struct {
	profile
	directory.User
	Deleted     time.Time
	Password    secret.Text
	PasswordSet bool
	ForceChange bool
}

// NewUserObject wraps a user.
func NewUserObject(u directory.User) *UserObject {
	o := &UserObject{User: u}
	o.raw = &o.User.Profile
	return o
}

// Keep writes the stored properties into the user.
func (o *UserObject) Keep() error { return o.keep() }

// User is the entity of a user.
func User(u directory.User) edm.Entity {
	return edm.Entity{ID: string(u.ID), Type: UserType, Object: NewUserObject(u)}
}

// userText sets a text of a user.
func userText(name string, to func(*UserObject) *string) func(*UserObject, json.RawMessage) error {
	return func(o *UserObject, value json.RawMessage) error {
		s, err := edm.TextOrNull(name, value)
		if err == nil {
			*to(o) = s
		}
		return err
	}
}

// setPassword reads passwordProfile.
func setPassword(o *UserObject, value json.RawMessage) error {
	sent, err := edm.Decode[struct {
		Password string `json:"password"`
		Force    *bool  `json:"forceChangePasswordNextSignIn"`
		WithMFA  *bool  `json:"forceChangePasswordNextSignInWithMfa"`
	}]("passwordProfile", value)
	if err != nil {
		return err
	}
	if sent.Password == "" {
		return edm.ErrProperty.With("The specified password does not comply with password complexity requirements. Please provide a different password.")
	}
	o.Password, o.PasswordSet = secret.New(sent.Password), true
	o.ForceChange = sent.Force == nil || *sent.Force
	return nil
}

// nickname is mailNickname: what was set, or the name before the @.
func nickname(o *UserObject) any {
	if v, ok := o.Stored()["mailNickname"]; ok {
		return v
	}
	name, _, _ := strings.Cut(o.UPN, "@")
	return name
}

// UserType is the type of users.
var UserType = &edm.Type{Name: "user", Properties: properties(
	[]edm.Property{
		edm.Read("id", func(o *UserObject) any { return string(o.ID) }),
		edm.Read("deletedDateTime", func(o *UserObject) any { return stamp(o.Deleted) }),
		edm.Write("accountEnabled", func(o *UserObject) any { return o.Enabled }, func(o *UserObject, v json.RawMessage) (err error) {
			o.Enabled, err = edm.Bool("accountEnabled", v)
			return err
		}),
		edm.Read("createdDateTime", func(o *UserObject) any { return stamp(o.Created) }),
		edm.Write("displayName", func(o *UserObject) any { return o.DisplayName }, userText("displayName", func(o *UserObject) *string { return &o.DisplayName })),
		edm.Write("mail", func(o *UserObject) any { return nullable(o.Mail) }, userText("mail", func(o *UserObject) *string { return &o.Mail })),
		edm.Write("mailNickname", nickname, func(o *UserObject, v json.RawMessage) error {
			o.Stored()["mailNickname"] = v
			return nil
		}),
		edm.Write("userPrincipalName", func(o *UserObject) any { return o.UPN }, userText("userPrincipalName", func(o *UserObject) *string { return &o.UPN })),
		edm.Default("userType", `"Member"`),
		edm.Write("passwordProfile", func(*UserObject) any { return nil }, setPassword),
		edm.Read("lastPasswordChangeDateTime", func(o *UserObject) any { return stamp(o.PasswordChanged) }),
		edm.Read("signInSessionsValidFromDateTime", func(o *UserObject) any { return stamp(o.SessionsValidFrom) }),
		edm.Read("refreshTokensValidFromDateTime", func(o *UserObject) any { return stamp(o.SessionsValidFrom) }),
	},
	edm.Null("ageGroup", "city", "companyName", "consentProvidedForMinor", "country", "creationType", "department", "employeeHireDate", "employeeId",
		"employeeOrgData", "employeeType", "externalUserState", "faxNumber", "givenName", "jobTitle", "mobilePhone", "officeLocation",
		"onPremisesDistinguishedName", "onPremisesDomainName", "onPremisesExtensionAttributes", "onPremisesImmutableId", "onPremisesLastSyncDateTime",
		"onPremisesSamAccountName", "onPremisesSecurityIdentifier", "onPremisesSyncEnabled", "onPremisesUserPrincipalName", "passwordPolicies",
		"postalCode", "preferredDataLocation", "preferredLanguage", "preferredName", "showInAddressList", "state", "streetAddress", "surname",
		"usageLocation", "legalAgeGroupClassification", "aboutMe"),
	edm.Empty("businessPhones", "identities", "imAddresses", "otherMails", "proxyAddresses", "assignedLicenses", "assignedPlans", "onPremisesProvisioningErrors"),
)}

// UserByKey finds a user by object id or user principal name. Errors: ErrNoObject.
func (d *Domain) UserByKey(ctx context.Context, tenant id.Tenant, key string) (edm.Entity, error) {
	key = strings.TrimSuffix(strings.TrimPrefix(key, "'"), "'")
	object, err := id.ParseObject(key)
	var u directory.User
	if err == nil {
		u, err = d.Directory.User(ctx, tenant, object)
	} else {
		u, err = d.Directory.UserByUPN(ctx, tenant, key)
	}
	if errors.Is(err, directory.ErrUserNotFound) {
		return edm.Entity{}, ErrNoObject
	}
	return User(u), err
}
