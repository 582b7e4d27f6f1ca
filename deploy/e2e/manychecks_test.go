package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestManyChecks scrolls through the overview of 500 checks, of which the browser draws
// only those that are seen: nothing may move because another comes into sight. How long
// frames took depends on the machine and is only told.
func TestManyChecks(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(target.Close)
	dir := t.TempDir()
	for i := range 500 {
		flow := strings.NewReplacer("$N", fmt.Sprintf("%03d", i), "$TARGET", target.URL).Replace(`name: check-$N
target: $TARGET
schedule: {every: 10m, timeout: 5s}
labels: {team: identity}
steps:
  - name: status
    request: GET /
    expect: [status == 200]
`)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.yaml", i)), []byte(flow), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := freeAddresses(t, 1)[0]
	start(t, []string{"AUTHPROBER_LISTEN=" + address}, authprober(t), "run", dir).ready(t, "http://"+address+"/-/ready")
	b := openBrowser(t, "http://"+address)
	for _, l := range []look{looks[0], {"tablet", 1000, 900, false}, looks[2]} {
		b.as(t, l)
		b.open(t, "/")
		b.do(t, chromedp.Evaluate(`window.moved = 0; new PerformanceObserver(list => { for (const e of list.getEntries()) moved += e.value }).observe({type: "layout-shift", buffered: true})`, nil))
		slowest := scripted[float64](t, b, `new Promise(done => {
			let n = 0, last = 0, slowest = 0;
			const step = now => {
				if (last) slowest = Math.max(slowest, now - last);
				last = now;
				scrollBy(0, 300);
				if (++n < 100) requestAnimationFrame(step); else done(slowest);
			};
			requestAnimationFrame(step);
		})`)
		if y := scripted[float64](t, b, "scrollY"); y < 20_000 {
			t.Errorf("%s: it has scrolled to %v only", l.name, y)
		}
		moved := scripted[float64](t, b, "moved")
		t.Logf("%s: the layout moved by %.4f; the slowest frame took %.0f ms", l.name, moved, slowest)
		if moved > 0.05 {
			t.Errorf("%s: the layout moved by %v while scrolling", l.name, moved)
		}
	}
	b.clean(t)
}
