package main

import "fmt"

// toCheck leads from a row of a table to the check's own dashboard.
const toCheck = "/d/authprober-check?var-check=${__data.fields.Check}&var-datasource=${datasource}&${__url_time_range}"

// overview answers: does anything fail, what, and who sees it?
func overview() *dashboard {
	d := newDashboard("authprober-overview", "authprober: overview",
		"Every check: its state, how often it fails and how sure that is, how near it is to a page, and what is to blame.",
		teamVariable(), checkVariable(true), instanceVariable())
	d.annotate(events()...)
	d.row("Now", nowPanels()...)
	d.row("Every check", checksTable(), blameTable(14), alertsTable())
	d.row("Before", beforePanels()...)
	return d
}

func nowPanels() []panel {
	red := []step{from("green"), at(1, "red")}
	return []panel{
		stat("Firing", "Checks whose state is firing at one prober at least: logins fail more often than is tolerated.", 4,
			look{unit: "none", noValue: "no check", thresholds: red, links: runbook("AuthProberIntermittentFailure")},
			query{`sum(max by (check) (authprober_check_state{@,state="firing"}))`, "firing"}),
		stat("Suspect", "Checks for whose failing there is evidence, and not yet enough for a page.", 4,
			look{unit: "none", noValue: "no check", thresholds: []step{from("green"), at(1, "orange")}, links: runbook("AuthProberSuspect")},
			query{`sum(max by (check) (authprober_check_state{@,state="suspect"}))`, "suspect"}),
		stat("Let in", "Runs in which the target accepted what it must refuse, over the time shown. One is a security finding.", 4,
			look{unit: "none", noValue: "no step has to be refused", thresholds: []step{from("green"), at(0.5, "red")}, links: runbook("AuthProberFailOpen")},
			query{`sum(increase(authprober_fail_open_total{@}[$__range]))`, "let in"}),
		stat("Due times missed", "Share of the due times at which no run began, over the time shown: what was not looked at.", 4,
			look{unit: "percentunit", noValue: "nothing was due", thresholds: []step{from("green"), at(0.01, "orange"), at(0.1, "red")}, links: runbook("AuthProberRunsMissed")},
			query{`sum(increase(authprober_runs_missed_total{@}[$__range])) / sum(increase(authprober_runs_due_total{@}[$__range]))`, "missed"}),
		stat("Paused or governed", "Checks that meet none, or only some, of their due times on purpose.", 4,
			look{unit: "none", noValue: "no check", thresholds: []step{from("green"), at(1, "orange")}, links: runbook("AuthProberPaused")},
			query{`sum(max by (check) (authprober_paused{@}))`, "paused"},
			query{`sum(max by (check) (authprober_governed{@}))`, "governed"}),
		stat("Probers", "Probers that Prometheus scrapes. One too few, and a location is blind.", 4,
			look{unit: "none", noValue: "none: nothing is watched", thresholds: []step{from("red"), at(1, "green")}, links: runbook("AuthProberAbsent")},
			query{`count(authprober_build_info{instance=~"$instance"})`, "probers"}),
	}
}

// checksTable has a row for each check and prober.
func checksTable() panel {
	by := func(metric string) string { return "max by (check, instance) (" + metric + ")" }
	coloured := []property{
		{"mappings", stateMappings()},
		{"custom.cellOptions", map[string]any{"type": "color-background", "mode": "basic"}},
	}
	near := []property{
		{"thresholds", thresholds{"absolute", []step{from("green"), at(0.1, "orange"), at(1, "red")}}},
		{"custom.cellOptions", map[string]any{"type": "color-text"}},
		{"decimals", 2},
	}
	return table("Checks", "How each check stands, as each prober sees it. The share of the last hour's runs that failed is somewhere between low and "+
		"high with 95 % confidence, and rests on so many runs. Evidence of 1 is a page; it rests while the check is firing.", 24, 10,
		look{unit: "none", noValue: "no check", links: runbook("AuthProberIntermittentFailure")},
		labels("check", "Check", "instance", "Prober", "team", "Team", "severity", "Severity", "blame", "To blame"),
		column{query{fmt.Sprintf(worstState, ", instance"), "{{check}}"}, "State", "none", coloured},
		column{query{by(`authprober_failure_ratio{@,window="1h"}`), "{{check}}"}, "Failed, 1h", "percentunit", nil},
		column{query{by(`authprober_failure_ratio_lower{@,window="1h"}`), "{{check}}"}, "low", "percentunit", nil},
		column{query{by(`authprober_failure_ratio_upper{@,window="1h"}`), "{{check}}"}, "high", "percentunit", nil},
		column{query{by(`authprober_window_runs{@,window="1h"}`), "{{check}}"}, "Runs, 1h", "none", nil},
		column{query{by(`authprober_evidence{@}`), "{{check}}"}, "Evidence", "none", near},
		column{query{by(`authprober_objective_tolerate_ratio{@}`), "{{check}}"}, "Tolerated", "percentunit", nil},
		column{query{by(`authprober_objective_detect_ratio{@}`), "{{check}}"}, "Worth a page", "percentunit", nil},
		column{query{`max by (check, instance, team, severity) (authprober_check_info{@})`, "{{check}}"}, "Known", "none", hidden()},
		column{query{`max by (check, instance, blame) (label_join(topk by (check, instance) (1, authprober_blame{@}), "blame", "=", "tag", "value"))`, "{{check}}"},
			"failed there", "percentunit", nil},
	).columnLink("Check", "Look at ${__value.text}", toCheck)
}

func hidden() []property { return []property{{"custom.hidden", true}} }

// blameTable says where the failures are.
func blameTable(w int) panel {
	return table("To blame", "Values of tags, such as a release or a backend, with which the failures go, and the share of their runs that failed. "+
		"Empty unless a check is suspect or firing and its failures do go with something.", w, 8,
		look{unit: "percentunit", noValue: "nothing stands out", links: runbook("AuthProberIntermittentFailure")},
		labels("check", "Check", "instance", "Prober", "tag", "Tag", "value", "Value"),
		column{query{`max by (check, instance, tag, value) (authprober_blame{@})`, "{{tag}}={{value}}"}, "Failed there", "percentunit", nil},
	).columnLink("Check", "Look at ${__value.text}", toCheck)
}

// alertsTable lists what Prometheus has found to be wrong, with what to do.
func alertsTable() panel {
	return table("Alerts", "Alerts of the shipped rules that are pending or firing; each leads to its runbook. Empty unless something is wrong.", 10, 8,
		look{unit: "none", noValue: "no alert"},
		labels("alertname", "Alert", "alertstate", "Alert state", "check", "Check", "severity", "Severity", "team", "Team"),
		column{query{`max by (alertname, alertstate, check, severity, team) (ALERTS{alertname=~"AuthProber.*",alertname!="AuthProberWatchdog",team=~"$team"})`, "{{alertname}}"}, "Is", "none", hidden()},
	).columnLink("Alert", "Runbook", runbooks+"${__value.text}.md")
}

func beforePanels() []panel {
	return []panel{
		timeline("States", "The state of each check, the worst over the probers.", 24, 9,
			look{unit: "none", noValue: "no check", mappings: stateMappings()},
			query{fmt.Sprintf(worstState, ""), "{{check}}"}),
		graph("Evidence", "How near each check is to a page: 1 is one. It rests while the check is firing.", 12,
			limited(look{unit: "none", noValue: "no check", thresholds: []step{from("transparent"), at(1, "red")}, links: runbook("AuthProberSuspect")}),
			query{`max by (check) (authprober_evidence{@})`, "{{check}}"}),
		graph("Failed runs", "Share of the runs of the last hour that failed, over all probers.", 12,
			look{unit: "percentunit", noValue: "no run"},
			query{`sum by (check) (authprober_failure_ratio{@,window="1h"} * authprober_window_runs{@,window="1h"}) / sum by (check) (authprober_window_runs{@,window="1h"})`, "{{check}}"}),
		graph("How long runs take", "Ninety-five of a hundred runs that passed took no longer.", 12,
			look{unit: "s", noValue: "no run has passed", exemplars: true},
			query{quantile("0.95", "authprober_run_duration_seconds", `{@,outcome="passed"}`, "check"), "{{check}}"}),
		graph("Runs", "Runs that passed or failed, in a second.", 12,
			look{unit: "ops", noValue: "no run"},
			query{`sum by (check) (rate(authprober_runs_total{@}[$__rate_interval]))`, "{{check}}"}),
	}
}
