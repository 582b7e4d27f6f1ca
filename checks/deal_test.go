package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/accounts"
)

// fleet are flows of each kind: those by themselves, of groups, and of a pool that
// remembers, with two pools of 40 accounts.
func fleet(flows int) map[string]string {
	files := map[string]string{}
	for i := range flows {
		name := fmt.Sprintf("flow-%03d", i)
		flow := "name: " + name + "\ntarget: http://127.0.0.1:1\nsteps:\n  - {name: ask, request: GET /, expect: [status == 200]"
		switch i % 5 {
		case 1:
			flow = strings.Replace(flow, "steps:", fmt.Sprintf("objective: {group: group-%d}\nsteps:", i%3), 1)
		case 2:
			flow = strings.Replace(flow, "steps:", "accounts: devices\nschedule: {every: 1h}\nobjective: {group: group-0}\nsteps:", 1) + ", remember: {token: body.token}"
		case 3:
			flow = strings.Replace(flow, "steps:", "accounts: devices\nschedule: {every: 1h}\nsteps:", 1) + ", if: remembered.token != nil"
		case 4:
			flow = strings.Replace(flow, "steps:", "accounts: retail\nschedule: {every: 1h}\nsteps:", 1)
		}
		files[name+".yaml"] = flow + "}\n"
	}
	var pools strings.Builder
	pools.WriteString("pools:\n")
	for _, name := range []string{"devices", "retail"} {
		pools.WriteString("  " + name + ":\n    accounts:\n")
		for i := range 40 {
			fmt.Fprintf(&pools, "      - {name: %s-%d, username: u, password: p}\n", name, i)
		}
	}
	files["accounts.yaml"] = pools.String()
	return files
}

// dealt are the shards by the names of their flows.
func dealt(t *testing.T, files map[string]string, of int) map[string]int {
	t.Helper()
	shards := map[string]int{}
	for n := 1; n <= of; n++ {
		c, err := writeFlows(t, Options{Shard: accounts.Shard{Number: n, Of: of}}, files)
		if err != nil {
			t.Fatal(err)
		}
		own := map[string]bool{}
		for _, check := range c.Checks {
			own[check.Name] = true
			if shards[check.Name] != 0 {
				t.Errorf("%s is of the shards %d and %d", check.Name, shards[check.Name], n)
			}
			shards[check.Name] = n
		}
		if slices.ContainsFunc(c.Elsewhere, func(name string) bool { return own[name] }) || len(own)+len(c.Elsewhere) != len(files)-1 {
			t.Errorf("the shard %d has %d flows, and %d are elsewhere", n, len(own), len(c.Elsewhere))
		}
	}
	return shards
}

// TestShard: each flow is of one shard, and stays there whatever is added; so does each
// account. A group is of one, and so is what reads what others remember.
func TestShard(t *testing.T) {
	few, many := dealt(t, fleet(60), 3), dealt(t, fleet(90), 3)
	if len(few) != 60 || len(many) != 90 {
		t.Errorf("%d and %d flows are dealt out, want 60 and 90", len(few), len(many))
	}
	for name, shard := range few {
		if many[name] != shard {
			t.Errorf("%s moves from %d to %d as flows are added", name, shard, many[name])
		}
	}
	// group-0 is joined with the pool of devices by the flows that are of both.
	lots, sizes := map[string]map[int]bool{}, map[int]int{}
	for name, shard := range many {
		var i int
		fmt.Sscanf(name, "flow-%d", &i)
		sizes[shard]++
		lot := ""
		switch i % 5 {
		case 1:
			lot = fmt.Sprint("group-", i%3)
		case 2, 3:
			lot = "group-0"
		default:
			continue
		}
		if lots[lot] == nil {
			lots[lot] = map[int]bool{}
		}
		lots[lot][shard] = true
	}
	for lot, shards := range lots {
		if len(shards) != 1 {
			t.Errorf("%s is of the shards %v", lot, slices.Sorted(maps.Keys(shards)))
		}
	}
	if len(lots) != 3 || len(sizes) != 3 {
		t.Errorf("%d lots stay together, want 3; flows by shard: %v", len(lots), sizes)
	}
}

// TestMemoryIsSeen: which texts keep a flow with those of its pool.
func TestMemoryIsSeen(t *testing.T) {
	for text, want := range map[string]bool{
		"remembered.token": true, "age.token > 3": true, "age?.token": true, `get(age, "token")`: true, `age ["token"]`: true, "${{ remembered.x }}": true,
		"body.message.code": false, "body.page.next": false, "usage.total": false, "body.ages": false,
	} {
		if got := mentionsMemory(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: "if"}, {Kind: yaml.ScalarNode, Value: text}}}); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// TestShardOfLocations: shards within shares of the accounts have each account once.
func TestShardOfLocations(t *testing.T) {
	seen := map[string]int{}
	for location := 1; location <= 3; location++ {
		flows := 0
		for n := 1; n <= 2; n++ {
			c, err := writeFlows(t, Options{Shard: accounts.Shard{Number: n, Of: 2}, AccountShare: accounts.Shard{Number: location, Of: 3}}, fleet(20))
			if err != nil {
				t.Fatal(err)
			}
			flows += len(c.Checks)
			for a := range c.Accounts.Pool("retail").Accounts() {
				seen[a.Name]++
			}
		}
		if flows != 20 {
			t.Errorf("the location %d has %d flows, want 20", location, flows)
		}
	}
	for name, times := range seen {
		if times != 1 {
			t.Errorf("%s is of %d instances", name, times)
		}
	}
	if len(seen) != 40 {
		t.Errorf("%d accounts, want 40", len(seen))
	}
}

// TestShardIsEmpty: one that has no flow has nothing to do, which is no mistake; one
// that has a flow and no account is.
func TestShardIsEmpty(t *testing.T) {
	one := map[string]string{"a.yaml": oneStep("http://127.0.0.1:1", "request: GET /\nexpect: [status == 200]")}
	var empty []string
	for n := 1; n <= 3; n++ {
		c, err := writeFlows(t, Options{Shard: accounts.Shard{Number: n, Of: 3}}, one)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Checks) == 0 {
			for _, w := range c.Warnings {
				empty = append(empty, w.Message)
			}
		}
	}
	want := []string{"the shard 2/3 has none of the 1 flow, and nothing to do", "the shard 3/3 has none of the 1 flow, and nothing to do"}
	if diff := cmp.Diff(want, empty); diff != "" {
		t.Errorf("warnings of empty shards (-want +got):\n%s", diff)
	}
}

// TestShardsAllTell: what is wrong in a file is told by every shard, and so are two flows
// of one name.
func TestShardsAllTell(t *testing.T) {
	ok := oneStep("http://127.0.0.1:1", "request: GET /\nexpect: [status == 200]")
	for want, files := range map[string]map[string]string{
		"unknown key":            {"a.yaml": ok, "b.yaml": strings.Replace(ok, "name:", "nmae: x\nname:", 1)},
		"two flows are named":    {"a.yaml": ok, "b.yaml": ok},
		"no flow here; a flow":   {"accounts.yaml": "pools: {retail: {accounts: [{name: a}]}}"},
		"in this directory: no ": {},
	} {
		for n := 1; n <= 3; n++ {
			if _, err := writeFlows(t, Options{Shard: accounts.Shard{Number: n, Of: 3}}, files); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("shard %d: got %v, want %q", n, err, want)
			}
		}
	}
}
