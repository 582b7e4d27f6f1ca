package main

import "github.com/authprober/authprober/prober"

// tagsOf are the facts of a run that may be to blame: its account, the address that
// its first connection went to, the certificate it was shown, and its flow's tags,
// which win. Later connections,
// which a failed run may not have come to, would tell failed from passed runs by
// themselves.
func tagsOf(r *prober.Run) map[string]string {
	tags := make(map[string]string, len(r.Tags)+3)
	if r.Account != "" {
		tags["account"] = r.Account
	}
	for i := range r.Steps {
		if r.Steps[i].Remote != "" {
			tags["remote"] = r.Steps[i].Remote
			break
		}
	}
	if r.Certificate != "" {
		tags["certificate"] = r.Certificate
	}
	for key, value := range r.Tags {
		tags[key] = value
	}
	return tags
}
