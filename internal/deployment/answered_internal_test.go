package deployment

import "testing"

func TestNamesOfOutputsBeginSmall(t *testing.T) { // CP-79: as az reads them
	for name, want := range map[string]string{"VMSS": "vmss", "VMName": "vmName", "newVNet": "newVNet", "Id": "id", "A": "a", "": "", "_A": "_A", "URL1": "urL1"} {
		if got := answeredName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
