package vault

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
)

// Type is the Resource Manager type of a vault.
const Type = "Microsoft.KeyVault/vaults"

// Retention of soft-deleted objects, in days (RS §1.10).
const (
	MinRetention     = 7
	MaxRetention     = 90
	DefaultRetention = 90
)

// Failures that concern a vault itself.
var (
	// ErrVaultNotFound is a vault that does not exist, or is soft-deleted.
	ErrVaultNotFound = fault.New(fault.NotFound, "the vault was not found")
	// ErrVaultNameTaken is a name that another vault has, anywhere in the installation.
	ErrVaultNameTaken = fault.New(fault.Conflict, "the vault name is already in use; vault names are globally unique")
	// ErrVaultDeleted is a create under the name of a soft-deleted vault.
	ErrVaultDeleted = fault.New(fault.Conflict, "a vault with the same name exists in deleted state; recover or purge it")
	// ErrVaultInvalid is a name or setting that a vault cannot have.
	ErrVaultInvalid = fault.New(fault.Invalid, "the vault is not valid")
	// ErrRetentionFixed is a change of the retention after creation.
	ErrRetentionFixed = fault.New(fault.Invalid, "the property \"softDeleteRetentionInDays\" cannot be changed once it is set")
	// ErrProtectionFixed is an attempt to switch purge protection off.
	ErrProtectionFixed = fault.New(fault.Invalid, "the property \"enablePurgeProtection\" cannot be set to false once it is true")
	// ErrPurgeProtected is a purge, of a vault or of an object in it, under purge protection.
	ErrPurgeProtected = fault.New(fault.Denied, "the operation \"purge\" is not allowed because purge protection is enabled for this vault")
	// ErrTooManyPolicies is more than 1,024 access policies.
	ErrTooManyPolicies = fault.New(fault.Invalid, "a vault has at most 1024 access policies")
)

// SKU is the vault's service tier; it has no effect here and is returned as given.
type SKU struct {
	Family string `json:"family"`
	Name   string `json:"name"`
}

// Vault is one vault as it was when it was read. It is a value: changing it changes nothing.
type Vault struct {
	// UID is never reused, not even when a purged name comes back.
	UID      string
	ID       resource.ID
	Name     string // as spelled at creation; compares without case
	Tenant   id.Tenant
	Location string
	SKU      SKU
	Tags     map[string]string
	// RBAC is enableRbacAuthorization: role assignments decide, policies are ignored.
	RBAC            bool
	PurgeProtection bool
	RetentionDays   int // 7 to 90
	Policies        []Policy
	// Properties are the members of ARM `properties` that this package gives no meaning
	// to (networkAcls, enabledForDeployment …), one JSON object, returned as they came.
	Properties json.RawMessage
	Revision   int64 // grows with every change; for ETags
	// Created and Changed are UTC, whole seconds; the texts beside them are the actor's
	// object id and type as systemData wants them.
	Created       time.Time
	CreatedBy     string
	CreatedByType string
	Changed       time.Time
	ChangedBy     string
	ChangedByType string
	// Deleted and ScheduledPurge are zero while the vault lives.
	Deleted        time.Time
	ScheduledPurge time.Time
}

// RecoveryLevel returns the wire word for what deletion means in this vault (RS §1.10).
func (v Vault) RecoveryLevel() string {
	level := "Recoverable"
	if v.RetentionDays < MaxRetention {
		level = "CustomizedRecoverable"
	}
	if !v.PurgeProtection {
		level += "+Purgeable"
	}
	return level
}

// SecretScope returns the resource id at which a role for one secret is assigned:
// `…/vaults/v/secrets/s`.
func (v Vault) SecretScope(name string) resource.ID { return v.ID.Child("secrets", name) }

// Settings is the body of a create or update. A nil member leaves what is there, or takes
// the default on creation.
type Settings struct {
	Location        string // needed on creation; "" or the same afterwards
	Tenant          id.Tenant
	SKU             *SKU
	Tags            map[string]string // nil leaves, empty clears
	RBAC            *bool
	RetentionDays   *int
	PurgeProtection *bool
	Policies        *[]Policy
	Properties      json.RawMessage // nil leaves; else replaces as a whole
	// RBACDefault is what a creation without RBAC means: true from control-plane version
	// 2026-02-01 on (RS §1.9.1).
	RBACDefault bool
	// ExpectRevision refuses the write with ErrChanged unless the vault is at this
	// revision; 0 means any. MustNotExist and MustExist are If-None-Match and If-Match: *.
	ExpectRevision int64
	MustNotExist   bool
	MustExist      bool
}

// ErrChanged is a conditional write whose condition does not hold (If-Match).
var ErrChanged = fault.New(fault.Precondition, "the vault was changed since it was read")

// ValidName reports whether s may name a vault: 3 to 24 letters, digits and single
// hyphens, a letter first, no hyphen last (RS §1.1).
func ValidName(s string) bool {
	if len(s) < 3 || len(s) > 24 || !letter(s[0]) || s[len(s)-1] == '-' || strings.Contains(s, "--") {
		return false
	}
	for i := range len(s) {
		if !letter(s[i]) && (s[i] < '0' || s[i] > '9') && s[i] != '-' {
			return false
		}
	}
	return true
}

// letter reports whether c is an ASCII letter.
func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
