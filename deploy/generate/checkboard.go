package main

import "fmt"

// checkBoard answers: what fails, since when, where, and can the answer be trusted?
func checkBoard() *dashboard {
	d := newDashboard("authprober-check", "authprober: check",
		"One check: what fails, where its time goes, how near it is to a page, whether it is looked at as often as it should be, and its accounts.",
		teamVariable(), checkVariable(false), instanceVariable(),
		labelVariable("pool", "Pool", "A pool of test customers.", "authprober_accounts", "pool", true))
	d.annotate(events()...)
	d.row("Now", checkNow()...)
	d.row("Does it fail?", checkFails()...)
	d.row("Is refused what must be?", checkRefuses()...)
	d.row("Where does the time go?", checkTimes()...)
	d.row("Is it looked at?", checkLooks()...)
	d.row("Who logs in?", checkAccounts()...)
	return d
}

func checkNow() []panel {
	return []panel{
		stat("State", "The check's state, the worst over the probers.", 3,
			look{unit: "none", noValue: "no such check", mappings: stateMappings(), links: runbook("AuthProberIntermittentFailure")},
			query{fmt.Sprintf(worstState, ""), "{{check}}"}),
		stat("Failed, 1h", "Share of the last hour's runs that failed, with the ends of its 95 % interval, at each prober.", 7,
			look{unit: "percentunit", noValue: "no run in the last hour"},
			query{`authprober_failure_ratio{@,window="1h"}`, "{{instance}}"},
			query{`authprober_failure_ratio_lower{@,window="1h"}`, "low"},
			query{`authprober_failure_ratio_upper{@,window="1h"}`, "high"}),
		stat("Of runs", "Runs of the last hour that passed or failed: what the share rests on.", 3,
			look{unit: "none", noValue: "no run"},
			query{`authprober_window_runs{@,window="1h"}`, "{{instance}}"}),
		stat("Objective", "The share of failed runs that is nobody's problem, and the smallest that is worth a page.", 4,
			look{unit: "percentunit", noValue: "no such check"},
			query{`max(authprober_objective_tolerate_ratio{@})`, "tolerated"},
			query{`max(authprober_objective_detect_ratio{@})`, "worth a page"}),
		stat("Last pass", "How long ago a run passed.", 3,
			look{unit: "s", noValue: "none has passed", links: runbook("AuthProberStalled")},
			query{`time() - max(authprober_last_pass_timestamp_seconds{@} > 0)`, "since the last pass"}),
		stat("Certificate", "Until the first of the target's certificates expires.", 2,
			look{unit: "s", noValue: "no TLS", thresholds: []step{from("red"), at(7*86400, "orange"), at(21*86400, "green")}, links: runbook("AuthProberCertificateExpiring")},
			query{`min(authprober_tls_certificate_expiry_timestamp_seconds{@}) - time()`, "left"}),
		stat("Clock skew", "The target's clock minus the prober's: one-time codes want it small.", 2,
			look{unit: "s", noValue: "not known"},
			query{`authprober_clock_skew_seconds{@}`, "{{instance}}"}),
	}
}

func checkFails() []panel {
	return []panel{
		graph("Failure ratio", "Share of the runs that failed, the 95 % interval of the hour's, and the objective. "+
			"Where the lower end is above what is tolerated, chance is no excuse.", 12,
			look{unit: "percentunit", noValue: "no run", links: runbook("AuthProberIntermittentFailure")},
			query{`authprober_failure_ratio{@}`, "{{window}} {{instance}}"},
			query{`authprober_failure_ratio_lower{@,window="1h"}`, "1h low {{instance}}"},
			query{`authprober_failure_ratio_upper{@,window="1h"}`, "1h high {{instance}}"},
			query{`max(authprober_objective_tolerate_ratio{@})`, "tolerated"},
			query{`max(authprober_objective_detect_ratio{@})`, "worth a page"}),
		graph("Evidence", "How near the check is to a page, which is at 1; and, while it is firing, how near it is to being healthy again, which is at 1 too.", 12,
			limited(look{unit: "none", noValue: "no such check", thresholds: []step{from("transparent"), at(1, "red")}, links: runbook("AuthProberSuspect")}),
			query{`authprober_evidence{@}`, "evidence {{instance}}"},
			query{`authprober_recovery_evidence{@}`, "recovery {{instance}}"}),
		timeline("State over time", "The state as each prober sees it, and whether the check was governed or paused.", 12, 7,
			look{unit: "none", noValue: "no such check", mappings: stateMappings()},
			query{fmt.Sprintf(worstState, ", instance"), "{{instance}}"}),
		blameTable(12).height(7),
		graph("Failures", "Failed runs by the first step that failed and why, in a second. Empty unless a run failed.", 12,
			stacked(look{unit: "ops", noValue: "no run failed"}),
			query{`sum by (step, reason) (rate(authprober_run_failures_total{@}[$__rate_interval])) > 0`, "{{step}}: {{reason}}"}),
		table("What fails", "Failed runs over the time shown, by the first step that failed and why. Empty unless a run failed.", 12, 9,
			look{unit: "none", noValue: "no run failed"},
			labels("step", "Step", "reason", "Reason"),
			column{query{`sort_desc(sum by (step, reason) (increase(authprober_run_failures_total{@}[$__range])) > 0)`, "{{step}}: {{reason}}"}, "Runs", "none",
				[]property{{"decimals", 0}}}),
		graph("Plain limits", "The limits that the flow sets beside its objective, and 1 while one is exceeded. It has lines only where the flow has `thresholds`.", 24,
			look{unit: "percentunit", noValue: "the flow sets no limit", links: runbook("AuthProberThresholdExceeded")},
			query{`max by (window, severity) (authprober_threshold_ratio{@})`, "limit {{window}} {{severity}}"},
			query{`max by (window, severity) (authprober_threshold_exceeded{@})`, "exceeded {{window}} {{severity}}"}),
	}
}

// checkRefuses has lines only where the flow has steps with refuse.
func checkRefuses() []panel {
	const refused, propagation = "authprober_refusal_seconds", "authprober_revocation_propagation_seconds"
	const me = `{@}`
	return []panel{
		graph("Let in", "Runs in which the target accepted what it must refuse, in an hour. It has lines only where a step has `refuse`.", 12,
			look{unit: "none", noValue: "no step has to be refused", thresholds: []step{from("green"), at(0.5, "red")}, links: runbook("AuthProberFailOpen")},
			query{`sum by (step) (increase(authprober_fail_open_total{@}[1h]))`, "{{step}}"}),
		timeline("Stands open", "Steps that were let in and have not been shown to be refused again: each is a page. It has lines only where a step has `refuse`.", 12, 9,
			look{unit: "none", noValue: "no step has to be refused", mappings: names("refused", "green", "let in", "red"), links: runbook("AuthProberFailOpen")},
			query{`max by (step) (authprober_fail_open_standing{@})`, "{{step}}"}),
		graph("Revocations", "How long it took until what was revoked was refused. It has lines only where a step has `within`.", 12,
			look{unit: "s", noValue: "no step has `within`"},
			query{quantile("0.5", propagation, me, "step"), "median, {{step}}"},
			query{quantile("0.95", propagation, me, "step"), "95 of 100, {{step}}"}),
		graph("Refusals", "How long a refusal took, of steps that must be refused as one another: a difference tells strangers which users there are. "+
			"It has lines only where a step has `same_as`.", 12,
			look{unit: "s", noValue: "no step has `same_as`"},
			query{quantile("0.5", refused, me, "step"), "median, {{step}}"}),
		graph("Refused later", "Share of the runs in which a step was refused later than the one it must be refused the same as. A half is what chance gives. "+
			"It has lines only where a step has `same_as`.", 24,
			look{unit: "percentunit", max: 1, noValue: "no step has `same_as`", links: runbook("AuthProberRefusalTiming")},
			query{`sum by (step) (rate(authprober_refusals_slower_total{@}[$__rate_interval])) / sum by (step) (rate(authprober_refusals_compared_total{@}[$__rate_interval]))`, "{{step}}"}),
	}
}

// phases are those of a step, as the prober names them.
var phases = []struct{ name, about string }{
	{"resolve", "Asking the name server"},
	{"connect", "Opening the TCP connection"},
	{"tls", "The TLS handshake. Empty for a target without TLS"},
	{"processing", "From the request being sent to the first byte of the answer: the target at work"},
	{"transfer", "Reading the answer"},
}

func checkTimes() []panel {
	const run, one, phase, delivery = "authprober_run_duration_seconds", "authprober_step_duration_seconds",
		"authprober_step_phase_seconds", "authprober_delivery_seconds"
	const me = `{@}`
	panels := []panel{
		graph("Runs", "How long runs take, those that passed and those that failed. A point is a run: it leads to its trace.", 12,
			look{unit: "s", noValue: "no run", exemplars: true},
			query{quantile("0.5", run, me, "outcome"), "median, {{outcome}}"},
			query{quantile("0.95", run, me, "outcome"), "95 of 100, {{outcome}}"}),
		heatmap("Runs, spread", "How the times of runs are spread: two bands are two kinds of answers, such as those of a slow backend.", 12,
			run, chosen(me)),
		graph("Steps", "Ninety-five of a hundred times the step took no longer. Failed ones are among them.", 12,
			look{unit: "s", noValue: "no run"},
			query{quantile("0.95", one, me, "step"), "{{step}}"}),
		graph("Phases of a run", "Where the time of a run goes on average: the phases of all its steps, added up.", 12,
			stacked(look{unit: "s", noValue: "no run"}),
			query{"(histogram_sum(sum by (phase) (rate(" + phase + "{@}[$__rate_interval])))\n  or\nsum by (phase) (rate(" + phase + "_sum{@}[$__rate_interval])))\n" +
				`  / on () group_left ()` + "\n(sum(rate(authprober_runs_total{@}[$__rate_interval])) > 0)", "{{phase}}"}),
	}
	for i, p := range phases {
		w := 8
		if i > 2 {
			w = 12
		}
		panels = append(panels, heatmap("Phase: "+p.name, p.about+".", w, phase, chosen(`{@,phase="`+p.name+`"}`)))
	}
	return append(panels, graph("Deliveries", "How long what a step waits for took to be there, such as the code of an SMS. "+
		"It has lines only where a flow waits for a delivery.", 24,
		look{unit: "s", noValue: "nothing is waited for"},
		query{quantile("0.5", delivery, me, "step"), "median, {{step}}"},
		query{quantile("0.95", delivery, me, "step"), "95 of 100, {{step}}"}))
}

func checkLooks() []panel {
	return []panel{
		graph("Due times", "What became of the due times, in a second: a run that passed or failed, one that says nothing about the target, or none.", 12,
			stacked(look{unit: "ops", noValue: "nothing is due", links: runbook("AuthProberRunsMissed")}),
			query{`sum(rate(authprober_runs_total{@}[$__rate_interval])) - sum(rate(authprober_runs_failed_total{@}[$__rate_interval]))`, "passed"},
			query{`sum(rate(authprober_runs_failed_total{@}[$__rate_interval]))`, "failed"},
			query{`sum by (outcome) (rate(authprober_runs_inconclusive_total{@}[$__rate_interval]))`, "{{outcome}}"},
			query{`sum by (reason) (rate(authprober_runs_missed_total{@}[$__rate_interval]))`, "missed: {{reason}}"}),
		graph("Inconclusive and missed", "Share of the due times that gave no verdict, by why. They are in no failure ratio.", 12,
			look{unit: "percentunit", noValue: "nothing is due", links: runbook("AuthProberInconclusive")},
			query{`sum by (outcome) (rate(authprober_runs_inconclusive_total{@}[$__rate_interval])) / on () group_left () sum(rate(authprober_runs_due_total{@}[$__rate_interval]))`, "{{outcome}}"},
			query{`sum by (reason) (rate(authprober_runs_missed_total{@}[$__rate_interval])) / on () group_left () sum(rate(authprober_runs_due_total{@}[$__rate_interval]))`, "missed: {{reason}}"}),
		graph("Confirming runs", "Runs that evidence asked for beside the schedule, in a second, and those that could not begin. "+
			"What could not has lines only where the schedule has `confirm`.", 12,
			look{unit: "ops", noValue: "the schedule does not confirm"},
			query{`sum(rate(authprober_confirm_runs_total{@}[$__rate_interval]))`, "began"},
			query{`sum by (reason) (rate(authprober_confirm_runs_missed_total{@}[$__rate_interval]))`, "missed: {{reason}}"}),
		timeline("Pace", "Whether the check meets only some of its due times, so as not to add to an outage, or none, because that was asked for; "+
			"and whether it pages on purpose, as a drill.", 12, 9,
			look{unit: "none", noValue: "no such check", mappings: names("no", "green", "yes", "orange"), links: runbook("AuthProberPaused")},
			query{`max by (instance) (authprober_governed{@})`, "governed, {{instance}}"},
			query{`max by (instance) (authprober_paused{@})`, "paused, {{instance}}"},
			query{`max by (instance) (authprober_drill{@})`, "drill, {{instance}}"}),
	}
}

func checkAccounts() []panel {
	const pool = `{pool=~"$pool",instance=~"$instance"}`
	quarantined := runbook("AuthProberAccountsQuarantined")
	return []panel{
		graph("Accounts", "Test customers by what they are doing. Those in quarantine were refused, and are left alone until `authprober accounts release`.", 12,
			stacked(look{unit: "none", noValue: "no flow has accounts", links: quarantined}),
			query{`sum by (pool, state) (authprober_accounts` + pool + `)`, "{{pool}}: {{state}}"}),
		graph("Logins and refusals", "Runs that leased an account, and those that were refused without being meant to be, in a second.", 12,
			look{unit: "ops", noValue: "no flow has accounts", links: quarantined},
			query{`sum by (pool) (rate(authprober_account_logins_total` + pool + `[$__rate_interval]))`, "{{pool}}: logins"},
			query{`sum by (pool) (rate(authprober_account_refusals_total` + pool + `[$__rate_interval]))`, "{{pool}}: refusals"}),
		graph("Budgets", "What a pool may still use until midnight, UTC, of what has a daily cap. It has lines only where a pool has one.", 24,
			look{unit: "none", noValue: "no pool has a daily cap"},
			query{`sum by (pool, budget) (authprober_account_budget_left` + pool + `)`, "{{pool}}: {{budget}}"}),
	}
}

func (p panel) height(h int) panel {
	p.GridPos.H = h
	return p
}
