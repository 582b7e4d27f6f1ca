package main

// proberBoard answers: can what the prober says be relied on?
func proberBoard() *dashboard {
	d := newDashboard("authprober-prober", "authprober: prober",
		"The prober itself: whether it is there, on time, configured and healthy. What is wrong here is not the target's fault.",
		instanceVariable())
	d.annotate(
		event("Started", "blue", `(time() - process_start_time_seconds{instance=~"$instance"} and on (instance) authprober_build_info) < 60`,
			"{{instance}} has started", "A prober has started.", "instance"),
		event("Not reloaded", "red", `1 - authprober_config_last_reload_successful{instance=~"$instance"} == 1`,
			"{{instance}} keeps its old configuration", "The configuration that is there could not be loaded.", "instance"))
	d.row("Is it there?", proberThere()...)
	d.row("Is it on time?", proberOnTime()...)
	d.row("Is it well?", proberWell()...)
	d.row("Does it keep and send what it knows?", proberSends()...)
	d.row("The process", proberProcess()...)
	return d
}

// mine are the series of the probers that are chosen.
const mine = `{instance=~"$instance"}`

func proberThere() []panel {
	return []panel{
		stat("Up", "Whether Prometheus could scrape the prober.", 4,
			look{unit: "none", noValue: "no prober", mappings: names("down", "red", "up", "green"), links: runbook("AuthProberAbsent")},
			query{`up` + mine + ` and on (instance) last_over_time(authprober_build_info[1d])`, "{{instance}}"}),
		stat("Checks", "How many checks the prober has, groups of flows left out.", 4,
			look{unit: "none", noValue: "no check"},
			query{`count by (instance) (authprober_check_info{instance=~"$instance",check!~"(all:)?group:.*"})`, "{{instance}}"}),
		stat("Since the start", "How long the process has been running.", 4,
			look{unit: "s", noValue: "no prober"},
			query{`time() - process_start_time_seconds` + mine + ` and on (instance) authprober_build_info`, "{{instance}}"}),
		stat("Configuration", "Whether the last attempt to load the configuration succeeded. If not, the one before is in use.", 4,
			look{unit: "none", noValue: "no prober", mappings: names("refused", "red", "loaded", "green"), links: runbook("AuthProberConfigReloadFailed")},
			query{`authprober_config_last_reload_successful` + mine, "{{instance}}"}),
		stat("Loaded", "How long ago the configuration that is in use was loaded.", 4,
			look{unit: "s", noValue: "no prober"},
			query{`time() - authprober_config_last_reload_success_timestamp_seconds` + mine, "{{instance}}"}),
		stat("Samples", "How many samples a scrape has.", 4,
			look{unit: "none", noValue: "no scrape"},
			query{`scrape_samples_scraped` + mine + ` and on (instance) authprober_build_info`, "{{instance}}"}),
		table("Versions", "What each prober was built from. Two versions at once are an upgrade that is not over.", 12, 8,
			look{unit: "none", noValue: "no prober"},
			labels("instance", "Prober", "version", "Version", "revision", "Revision", "goversion", "Go"),
			column{query{`max by (instance, version, revision, goversion) (authprober_build_info` + mine + `)`, "{{instance}}"}, "Is", "none", hidden()}),
		graph("Scrapes", "How long Prometheus takes to scrape the prober.", 12,
			look{unit: "s", noValue: "no scrape"},
			query{`scrape_duration_seconds` + mine + ` and on (instance) authprober_build_info`, "{{instance}}"}).height(8),
	}
}

func proberOnTime() []panel {
	const lag = "authprober_schedule_lag_seconds"
	return []panel{
		graph("Lag", "By how much runs begin after they were due: the prober's own lateness, which is no fault of the target.", 12,
			look{unit: "s", noValue: "no run"},
			query{quantile("0.5", lag, mine, "instance"), "median, {{instance}}"},
			query{quantile("0.99", lag, mine, "instance"), "99 of 100, {{instance}}"}),
		heatmap("Lag, spread", "How the lateness is spread.", 12, lag, mine).height(9),
		graph("Missed", "Due times at which no run began, in a second, over all checks.", 12,
			stacked(look{unit: "ops", noValue: "nothing is due", links: runbook("AuthProberRunsMissed")}),
			query{`sum by (reason) (rate(authprober_runs_missed_total` + mine + `[$__rate_interval]))`, "{{reason}}"}),
		graph("Inconclusive", "Runs that say nothing about the target, in a second, over all checks: errored is the prober's own fault, aborted a shutdown.", 12,
			stacked(look{unit: "ops", noValue: "no check", links: runbook("AuthProberInconclusive")}),
			query{`sum by (outcome) (rate(authprober_runs_inconclusive_total` + mine + `[$__rate_interval]))`, "{{outcome}}"}),
	}
}

func proberWell() []panel {
	blind := runbook("AuthProberBlind")
	return []panel{
		timeline("Control targets", "Whether what can be reached unless the prober's own network is sick could be. Where loopback is not, or nothing else is, the prober is blind.", 12, 9,
			look{unit: "none", noValue: "no prober", mappings: names("unreachable", "red", "reachable", "green"), links: blind},
			query{`min by (instance, target) (authprober_control_up` + mine + `)`, "{{target}}, {{instance}}"}),
		graph("Control targets missed", "Share of the looks at a control target that did not reach it.", 12,
			look{unit: "percentunit", max: 1, noValue: "no prober", links: blind},
			query{`sum by (instance, target) (rate(authprober_control_failures_total` + mine + `[$__rate_interval])) / sum by (instance, target) (rate(authprober_control_looks_total` + mine + `[$__rate_interval]))`, "{{target}}, {{instance}}"}),
		graph("Excused", "Runs in a second that would have failed and are errored, since the prober's own network or machine was sick, by what it was.", 12,
			stacked(look{unit: "ops", noValue: "no prober", links: blind}),
			query{`sum by (cause) (rate(authprober_runs_excused_total` + mine + `[$__rate_interval]))`, "{{cause}}"}),
		graph("Starved", "Share of the time for which the prober did not get the processor it wanted, and for which its CPU quota kept it waiting, where it has one.", 12,
			look{unit: "percentunit", noValue: "no prober", links: blind},
			query{`rate(authprober_starved_seconds_total` + mine + `[$__rate_interval])`, "starved, {{instance}}"},
			query{`rate(authprober_cpu_throttled_seconds_total` + mine + `[$__rate_interval])`, "quota, {{instance}}"}),
	}
}

func proberSends() []panel {
	return []panel{
		graph("History", "What the history holds, and beyond which size the oldest runs go.", 8,
			look{unit: "bytes", noValue: "no prober"},
			query{`authprober_history_bytes` + mine, "in use, {{instance}}"},
			query{`authprober_history_limit_bytes` + mine, "at the most, {{instance}}"}),
		graph("History: failed", "Writes of the history that failed, and records that are lost for good, in an hour. Either is a disk that is full or slow.", 8,
			look{unit: "none", noValue: "no prober"},
			query{`increase(authprober_history_writes_failed_total` + mine + `[1h])`, "writes failed, {{instance}}"},
			query{`increase(authprober_history_records_dropped_total` + mine + `[1h])`, "records lost, {{instance}}"}),
		stat("Goes back", "How old the oldest run is that the history has.", 4,
			look{unit: "s", noValue: "it is empty"},
			query{`time() - (authprober_history_oldest_timestamp_seconds` + mine + ` > 0)`, "{{instance}}"}).height(9),
		stat("Outlives a restart", "Whether the history is on a disk.", 4,
			look{unit: "none", noValue: "no prober", mappings: names("no", "orange", "yes", "green")},
			query{`authprober_history_durable` + mine, "{{instance}}"}).height(9),
		graph("Alerts given directly", "Attempts to give alerts to Alertmanagers, in a second, and those that failed, by why. It has lines only where "+
			"AUTHPROBER_ALERTMANAGER_URLS names some.", 12,
			look{unit: "ops", noValue: "no Alertmanager is told directly", links: runbook("AuthProberNotificationsFailing")},
			query{`sum by (alertmanager) (rate(authprober_notifications_total` + mine + `[$__rate_interval]))`, "{{alertmanager}}"},
			query{`sum by (alertmanager, reason) (rate(authprober_notifications_failed_total` + mine + `[$__rate_interval]))`, "failed: {{reason}}, {{alertmanager}}"}),
		graph("Heartbeats", "Heartbeats to whom watches the prober, in a second, and those that were not heard. It has lines only where AUTHPROBER_HEARTBEAT_URL is set.", 24,
			look{unit: "ops", noValue: "nobody is sent heartbeats", links: runbook("AuthProberAbsent")},
			query{`rate(authprober_heartbeats_total` + mine + `[$__rate_interval])`, "{{instance}}"},
			query{`rate(authprober_heartbeats_failed_total` + mine + `[$__rate_interval])`, "failed, {{instance}}"}),
		graph("OTLP", "Batches sent over OTLP in a second, those that failed, and runs that were dropped. It has lines only where an endpoint is set.", 12,
			look{unit: "ops", noValue: "nothing is sent over OTLP", links: runbook("AuthProberExportsFailing")},
			query{`sum by (signal) (rate(authprober_otlp_exports_total` + mine + `[$__rate_interval]))`, "{{signal}}"},
			query{`sum by (signal) (rate(authprober_otlp_exports_failed_total` + mine + `[$__rate_interval]))`, "failed: {{signal}}"},
			query{`sum by (signal) (rate(authprober_otlp_runs_dropped_total` + mine + `[$__rate_interval]))`, "runs dropped: {{signal}}"}),
	}
}

func proberProcess() []panel {
	// A prober's, whatever else Prometheus scrapes.
	of := func(metric string) string { return metric + mine + ` and on (instance) authprober_build_info` }
	rate := func(metric string) string {
		return `rate(` + metric + mine + `[$__rate_interval]) and on (instance) authprober_build_info`
	}
	return []panel{
		graph("CPU", "Processors that the process keeps busy. Near the number it has, runs begin late.", 8,
			look{unit: "none", noValue: "no prober"},
			query{rate("process_cpu_seconds_total"), "{{instance}}"}),
		graph("Memory", "What the process holds, and what of it is Go's heap.", 8,
			look{unit: "bytes", noValue: "no prober"},
			query{of("process_resident_memory_bytes"), "resident, {{instance}}"},
			query{of("go_memstats_heap_inuse_bytes"), "heap, {{instance}}"}),
		graph("Goroutines", "Goroutines: a number that only grows is a leak.", 8,
			look{unit: "none", noValue: "no prober"},
			query{of("go_goroutines"), "{{instance}}"}),
		graph("Files", "Open files and connections, and how many there may be.", 8,
			look{unit: "none", noValue: "no prober"},
			query{of("process_open_fds"), "open, {{instance}}"},
			query{of("process_max_fds"), "at the most, {{instance}}"}),
		graph("Garbage collection", "The longest pause lately.", 8,
			look{unit: "s", noValue: "no prober"},
			query{`go_gc_duration_seconds{instance=~"$instance",quantile=~"1|1.0"} and on (instance) authprober_build_info`, "{{instance}}"}),
		graph("Traffic", "What the process sends and receives in a second.", 8,
			look{unit: "Bps", noValue: "no prober"},
			query{rate("process_network_receive_bytes_total"), "received, {{instance}}"},
			query{rate("process_network_transmit_bytes_total"), "sent, {{instance}}"}),
	}
}
