package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestPages goes through the demo's pages in a browser, as somebody does who was woken:
// all is well, every login fails, and then the bank lets in who must be refused.
func TestPages(t *testing.T) {
	b := openBrowser(t, startDemo(t))
	b.seesMistakes(t)
	b.healthy(t)
	b.failing(t)
	b.failOpen(t)
	b.withoutScript(t)
	b.clean(t)
}

// press presses one of the demo's buttons.
func (b *browser) press(t *testing.T, button string) {
	t.Helper()
	b.open(t, "/")
	b.do(t, chromedp.Evaluate(`window.pressed = true`, nil), chromedp.Click(`.demo button[value="`+button+`"]`))
	b.until(t, `window.pressed === undefined && document.readyState === "complete" && document.querySelector("#checks") !== null`)
}

// seesMistakes holds what looks for mistakes to find them.
func (b *browser) seesMistakes(t *testing.T) {
	b.open(t, "/prober")
	b.do(t, chromedp.Evaluate(`document.querySelector("main").append(document.createElement("button")); console.error("seen")`, nil))
	if found := b.violations(t); len(found) != 1 || !strings.HasPrefix(found[0], "button-name: ") {
		t.Errorf("axe finds %q in a page with a button without a name", found)
	}
	b.do(t, chromedp.Evaluate(`fetch("http://127.0.0.1:1/").catch(() => {}).then(() => true)`, nil))
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.ContainsFunc(b.wrong, func(text string) bool { return strings.Contains(text, "seen") }) ||
		!slices.ContainsFunc(b.wrong, func(text string) bool { return strings.Contains(text, "Content Security Policy") }) {
		t.Errorf("the browser notes only %q", b.wrong)
	}
	b.wrong, b.strays = nil, nil
}

func (b *browser) healthy(t *testing.T) {
	b.as(t, looks[0])
	b.open(t, "/")
	b.until(t, `document.getElementById("connection").textContent === "live"`)
	if moved := scripted[float64](t, b, `new Promise(done => new PerformanceObserver(list => done(list.getEntries()
		.reduce((sum, e) => sum + (e.hadRecentInput ? 0 : e.value), 0))).observe({type: "layout-shift", buffered: true}) || setTimeout(done, 1000, 0))`); moved > 0.05 {
		t.Errorf("the layout has shifted by %v while it was loaded", moved)
	}
	// What is new comes to the page that is there.
	runs := `document.querySelector("#check-retail-login .ratios small:last-child").textContent`
	before := scripted[string](t, b, `window.same = "same"; `+runs)
	b.until(t, `window.same === "same" && `+runs+` !== "`+before+`"`)
	// By keyboard: the first stop leads to the content.
	b.do(t, chromedp.KeyEvent(kb.Tab))
	if text := scripted[string](t, b, `document.activeElement.textContent`); text != "to the content" {
		t.Errorf("the first stop of Tab is %q", text)
	}
	b.until(t, `document.querySelectorAll("#check-bank-status .strip a").length > 3`)
	b.inspect(t, "overview-healthy")
	for name, path := range map[string]string{"check-healthy": "/checks/retail-login", "runs": "/runs", "accounts": "/accounts", "prober": "/prober"} {
		b.open(t, path)
		if name == "check-healthy" {
			b.until(t, `document.querySelector("[data-plan-table] td") !== null`)
		}
		b.inspect(t, name)
	}
	b.open(t, "/?team=platform")
	if rows := scripted[int](t, b, `document.querySelectorAll("#checks > li").length`); rows != 1 {
		t.Errorf("the filter leaves %d checks", rows)
	}
}

func (b *browser) failing(t *testing.T) {
	b.press(t, "outage")
	b.until(t, `document.querySelector("#summary h1").textContent === "retail-login is firing"`)
	b.until(t, `document.querySelector("#checks > li:first-child").id === "check-retail-login"`)
	b.until(t, `document.querySelector("#check-retail-login .says a") !== null`)
	b.inspect(t, "overview-failing")
	b.do(t, chromedp.Click(`#check-retail-login h2 a`), chromedp.WaitReady(`h1.firing`))
	b.until(t, `document.querySelector("#evidence svg path.to-firing") !== null`)
	b.until(t, `document.querySelector("[data-plan-table] td") !== null`)
	b.inspect(t, "check-failing")
	// From the overview to the request that failed.
	b.open(t, "/")
	b.do(t, chromedp.Click(`#check-retail-login .says a`), chromedp.WaitReady(`h1.firing`))
	b.do(t, chromedp.WaitVisible(`tr.firing`))
	if text := scripted[string](t, b, `document.querySelector("main").innerText`); !strings.Contains(text, "Failed at login: status_5xx") ||
		!strings.Contains(text, "want status == 200, got 503") || !strings.Contains(text, "not begun") {
		t.Errorf("the failed run says\n%s", text)
	}
	b.inspect(t, "run-failing")
	b.do(t, chromedp.Click(`.crumbs a`), chromedp.WaitReady(`[data-part="head"]`))
}

func (b *browser) failOpen(t *testing.T) {
	b.press(t, "all") // heals
	b.press(t, "open")
	b.until(t, `document.querySelector("#check-token-refused").classList.contains("firing")`)
	b.until(t, `document.querySelector("#check-token-refused .says").textContent.includes("was accepted")`)
	b.until(t, `document.querySelector("#checks > li:first-child").id === "check-token-refused"`) // the worst of all
	b.inspect(t, "overview-fail-open")
	b.do(t, chromedp.Click(`#check-token-refused .says a`), chromedp.WaitReady(`tr.firing`))
	if text := scripted[string](t, b, `document.querySelector("main").innerText`); !strings.Contains(text, "not_refused") {
		t.Errorf("the run says\n%s", text)
	}
	b.inspect(t, "run-fail-open")
}

// withoutScript holds the overview to show the same without any.
func (b *browser) withoutScript(t *testing.T) {
	b.do(t, emulation.SetScriptExecutionDisabled(true))
	b.open(t, "/?team=identity")
	var html string
	b.do(t, chromedp.OuterHTML("html", &html), emulation.SetScriptExecutionDisabled(false))
	for _, want := range []string{`id="check-token-refused"`, `class="strip"`, `was accepted`} {
		if !strings.Contains(html, want) {
			t.Errorf("without script the overview has no %s", want)
		}
	}
}
