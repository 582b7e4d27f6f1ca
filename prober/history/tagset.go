package history

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// mostSets is of how many sets of tags it is known that they are there.
const mostSets = 4096

// tagset is the id of the run's tags, nil where it has none. Tags have few values, so
// that there are few sets of them, of each check.
func (t *writing) tagset(check int64, r *prober.Run) (any, error) {
	tags := tagsOf(r)
	if len(tags) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(tags) // in the order of the keys
	if err != nil {
		return nil, err
	}
	key := tagsetKey{check, string(text)}
	if id, known := t.sets[key]; known {
		return id, nil
	}
	id, err := t.addTagset(key, tags)
	if err != nil {
		return nil, err
	}
	if len(t.sets) >= mostSets {
		clear(t.sets)
	}
	t.sets[key] = id
	return id, nil
}

func (t *writing) addTagset(key tagsetKey, tags map[string]string) (id int64, err error) {
	if err := t.exec("INSERT INTO tagset (check_id, tags) VALUES (?, ?) ON CONFLICT DO NOTHING", key.check, key.tags); err != nil {
		return 0, err
	}
	stmt, err := t.prepare("SELECT id FROM tagset WHERE check_id = ? AND tags = ?")
	if err != nil {
		return 0, err
	}
	if err := stmt.QueryRowContext(t.ctx, key.check, key.tags).Scan(&id); err != nil {
		return 0, err
	}
	for k, v := range tags {
		if err := t.exec("INSERT INTO tag (key, value, tagset_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", k, v, id); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// tagsOf are the tags of a run as blame knows them, but for the account, which has many
// values and a column of its own: no more of them, and none longer, than blame keeps.
func tagsOf(r *prober.Run) map[string]string {
	tags := map[string]string{}
	prober.BlameTags(r, tags)
	if tags["account"] == r.Account {
		delete(tags, "account")
	}
	keys := slices.Sorted(maps.Keys(tags))
	for _, k := range keys[min(len(keys), detect.MostTags):] {
		delete(tags, k)
	}
	for k, v := range tags {
		if len(v) > detect.MostTagLength {
			v = strings.Clone(v[:detect.MostTagLength])
		}
		tags[k] = strings.ToValidUTF8(v, "?")
	}
	return tags
}
