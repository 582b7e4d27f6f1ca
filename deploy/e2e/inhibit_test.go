package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestInhibition gives the shipped Alertmanager configuration the alerts of one
// outage, of a group and of flows, and asks it which of them it holds back.
func TestInhibition(t *testing.T) {
	alertmanager := installed(t, "prometheus-alertmanager", "prometheus-alertmanager", "alertmanager")
	const page = "alertname=AuthProberIntermittentFailure job=authprober instance=a:1"
	const burn = "alertname=AuthProberBurnRateFast job=authprober"
	const group = page + " check=group:identity group=identity team=identity"
	const pooled = "alertname=AuthProberIntermittentFailure job=authprober-aggregate instance=all:1 location=all team=risk severity=page"
	const everywhere = "alertname=AuthProberEverywhere job=authprober instance=all:1 location=all severity=none team=risk check=wire"
	const pooledGroup = "alertname=AuthProberIntermittentFailure job=authprober-aggregate instance=all:1 location=all team=loans check=all:group:loans group=loans"
	const groupEverywhere = "alertname=AuthProberEverywhere job=authprober instance=all:1 location=all severity=none team=loans check=group:loans group=loans"
	tests := map[string]struct {
		alert  string
		source string // an alert that holds it back; "" where all are told
	}{
		"the group":                              {group, ""},
		"a flow of it":                           {page + " check=login group=identity team=identity severity=ticket", group},
		"one that is suspect":                    {"alertname=AuthProberSuspect job=authprober instance=a:1 check=transfer group=identity team=identity", group},
		"its burn rate, everywhere":              {burn + " check=refresh group=identity team=identity", group},
		"a flow of it, of other team":            {page + " check=cards group=identity team=payments", ""},
		"a flow of it, elsewhere":                {strings.Replace(page, "a:1", "b:1", 1) + " check=login group=identity team=identity", ""},
		"a flow of another group":                {page + " check=sms group=delivery team=identity", ""},
		"a flow of none":                         {page + " check=status team=identity", ""},
		"a fail-open of a flow of it":            {"alertname=AuthProberFailOpen job=authprober instance=a:1 check=login group=identity team=identity", ""},
		"the burn rate of other group":           {burn + " check=sms group=delivery team=identity", "alertname=AuthProberIntermittentFailure check=sms"},
		"all locations together":                 {pooled + " check=all:wire", ""},
		"that it is everywhere":                  {everywhere, ""},
		"a location of it":                       {page + " check=wire team=risk severity=page location=vienna", everywhere},
		"another location":                       {strings.Replace(page, "a:1", "b:1", 1) + " check=wire team=risk severity=page location=linz", everywhere},
		"its suspicion elsewhere":                {"alertname=AuthProberSuspect job=authprober instance=c:1 check=wire team=risk severity=warning", everywhere},
		"that another flow is everywhere":        {strings.Replace(everywhere, "wire", "fx", 1), ""},
		"its burn rate, of all locations":        {burn + " check=fx team=risk severity=page", strings.Replace(everywhere, "wire", "fx", 1)},
		"a location of another environment":      {strings.Replace(page, "job=authprober", "job=authprober-staging", 1) + " check=wire team=risk", ""},
		"a fail-open of it":                      {"alertname=AuthProberFailOpen job=authprober instance=a:1 check=wire team=risk severity=page", ""},
		"a limit of it":                          {"alertname=AuthProberThresholdExceeded job=authprober instance=a:1 check=wire team=risk severity=ticket", ""},
		"a drill of it":                          {"alertname=AuthProberDrill drill=true job=authprober instance=a:1 check=wire team=risk severity=page", ""},
		"one location alone, and all together":   {pooled + " check=all:loan", ""},
		"the location that fails alone":          {page + " check=loan team=risk severity=page location=graz", ""},
		"a group of all locations together":      {pooledGroup, ""},
		"that the group is everywhere":           {groupEverywhere, ""},
		"the group at a location":                {page + " check=group:loans group=loans team=loans location=linz", groupEverywhere},
		"its suspicion at another":               {"alertname=AuthProberSuspect job=authprober instance=c:1 check=group:loans group=loans team=loans", groupEverywhere},
		"a flow of it where it does not fire":    {strings.Replace(page, "a:1", "d:1", 1) + " check=credit group=loans team=loans", groupEverywhere},
		"that another group is everywhere":       {strings.ReplaceAll(groupEverywhere, "loans", "bonds"), ""},
		"a burn rate where no group fires":       {burn + " check=gilt group=bonds team=bonds", strings.ReplaceAll(groupEverywhere, "loans", "bonds")},
		"a flow of it by all locations":          {allTogether("AuthProberIntermittentFailure") + " check=all:credit group=loans team=loans", pooledGroup},
		"a suspicion of it by all locations":     {allTogether("AuthProberSuspect") + " check=all:mortgage group=loans team=loans", pooledGroup},
		"a flow of it, of another team":          {allTogether("AuthProberIntermittentFailure") + " check=all:lease group=loans team=cars", ""},
		"that flow at a location":                {page + " check=lease group=loans team=cars", ""},
		"that it is everywhere, held by nothing": {"alertname=AuthProberEverywhere job=authprober instance=all:1 check=auto group=loans team=loans severity=none", ""},
		"a fail-open of a flow of that group":    {"alertname=AuthProberFailOpen job=authprober instance=a:1 check=credit team=loans", ""},
		"a limit of a flow of that group":        {"alertname=AuthProberThresholdExceeded job=authprober instance=a:1 check=credit team=loans severity=ticket", ""},
		"a drill of the group at a location":     {"alertname=AuthProberDrill drill=true job=authprober instance=a:1 check=group:loans team=loans", ""},
		"a group that fails at one location":     {strings.ReplaceAll(pooledGroup, "loans", "cash"), ""},
		"there":                                  {page + " check=group:cash group=cash team=cash", ""},
		"a flow of it by all locations, too":     {allTogether("AuthProberIntermittentFailure") + " check=all:atm group=cash team=cash", strings.ReplaceAll(pooledGroup, "loans", "cash")},
		"a flow of it where the group is well":   {strings.Replace(page, "a:1", "b:1", 1) + " check=atm group=cash team=cash", ""},
		"a flow of it whose team is another one": {page + " check=wire team=payments location=graz", ""},
	}
	dir := t.TempDir()
	address := freeAddresses(t, 1)[0]
	start(t, nil, alertmanager, "--config.file="+fastRoutes(t, dir, newInbox(t).url), "--storage.path="+filepath.Join(dir, "am"),
		"--web.listen-address="+address, "--cluster.listen-address=").
		ready(t, "http://"+address+"/-/ready")
	var post []map[string]any
	for _, tt := range tests {
		post = append(post, map[string]any{"labels": labelsOf(tt.alert), "startsAt": time.Now().Format(time.RFC3339)})
	}
	body, err := json.Marshal(post)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := call("POST", "http://"+address+"/api/v2/alerts", http.Header{"Content-Type": {"application/json"}}, string(body)); err != nil {
		t.Fatal(err)
	}
	// It lists alerts before it knows what they hold back.
	eventually(t, 30*time.Second, "the right alerts to be held back", func() error {
		text, err := get("http://" + address + "/api/v2/alerts")
		if err != nil {
			return err
		}
		var got []heldAlert
		if err := json.Unmarshal(text, &got); err != nil || len(got) != len(tests) {
			return fmt.Errorf("%d alerts, %v, want %d", len(got), err, len(tests))
		}
		for name, tt := range tests {
			if by := heldBy(t, got, tt.alert); (tt.source == "") != (by == "") || !covers(by, tt.source) {
				return fmt.Errorf("%s: held back by %q, want %q", name, by, tt.source)
			}
		}
		return nil
	})
}

// allTogether is what an aggregator says of a check.
func allTogether(name string) string {
	return "alertname=" + name + " job=authprober-aggregate instance=all:1"
}

// A heldAlert is an alert as Alertmanager's API lists it.
type heldAlert struct {
	Fingerprint string
	Labels      map[string]string
	Status      struct{ InhibitedBy []string }
}

// labelsOf reads name=value words.
func labelsOf(words string) map[string]string {
	labels := map[string]string{}
	for _, word := range strings.Fields(words) {
		name, value, _ := strings.Cut(word, "=")
		labels[name] = value
	}
	return labels
}

// covers reports whether the labels of the first are those of the second and more.
func covers(words, some string) bool {
	all := labelsOf(words)
	for name, value := range labelsOf(some) {
		if all[name] != value {
			return false
		}
	}
	return true
}

// heldBy returns the labels of the alert that holds another one back, as words; "" if
// none does.
func heldBy(t *testing.T, all []heldAlert, words string) string {
	t.Helper()
	named := func(a heldAlert) string {
		var out []string
		for name, value := range a.Labels {
			out = append(out, name+"="+value)
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	for _, a := range all {
		if len(a.Labels) != len(labelsOf(words)) || !covers(named(a), words) {
			continue
		}
		if len(a.Status.InhibitedBy) == 0 {
			return ""
		}
		for _, source := range all {
			if source.Fingerprint == a.Status.InhibitedBy[0] {
				return named(source)
			}
		}
	}
	t.Fatalf("Alertmanager does not know of %s", words)
	return ""
}
