package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// screenshots are left here, for whoever wants to see what the tests saw.
const screenshots = "screenshots"

// A browser is a page of a headless Chromium that notes what goes wrong in it.
type browser struct {
	ctx    context.Context
	origin string
	axe    string // its source

	mu     sync.Mutex
	wrong  []string // errors of the console, uncaught exceptions
	strays []string // requests that left the origin
}

// openBrowser starts a browser that shows pages of one origin.
func openBrowser(t *testing.T, origin string) *browser {
	t.Helper()
	path := installed(t, "chromium", "chromium", "google-chrome", "chromium-browser")
	profile, err := os.MkdirTemp(built.dir, "chromium-") // not the test's own folder: its processes end a little later
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.UserDataDir(profile), chromedp.Flag("disable-background-networking", true), chromedp.Flag("hide-scrollbars", true))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	b := &browser{ctx: ctx, origin: origin, axe: axeSource(t)}
	chromedp.ListenTarget(ctx, b.listen)
	b.do(t, network.Enable(), runtime.Enable(), log.Enable())
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			for _, arg := range e.Args {
				b.wrong = append(b.wrong, fmt.Sprintf("console: %s %s", arg.Value, arg.Description))
			}
		}
	case *runtime.EventExceptionThrown:
		b.wrong = append(b.wrong, "exception: "+e.ExceptionDetails.Error())
	case *log.EventEntryAdded: // what violates the policy is among it
		if e.Entry.Level == log.LevelError {
			b.wrong = append(b.wrong, "log: "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, b.origin+"/") && !strings.HasPrefix(e.Request.URL, "about:") {
			b.strays = append(b.strays, e.Request.URL)
		}
	}
}

// do does something in the browser.
func (b *browser) do(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// open shows a path of the origin.
func (b *browser) open(t *testing.T, path string) {
	t.Helper()
	b.do(t, chromedp.Navigate(b.origin+path), chromedp.WaitReady("footer"))
}

// until waits until an expression of JavaScript is true, also where the page changes
// meanwhile.
func (b *browser) until(t *testing.T, expression string) {
	t.Helper()
	eventually(t, 45*time.Second, expression, func() error {
		var is bool
		if err := chromedp.Run(b.ctx, chromedp.Evaluate(expression, &is)); err != nil || is {
			return err
		}
		var text string
		_ = chromedp.Run(b.ctx, chromedp.Evaluate(`document.body.innerText`, &text)) // for the message alone
		return fmt.Errorf("the page says\n%s", text)
	})
}

func scripted[T any](t *testing.T, b *browser, expression string) (value T) {
	t.Helper()
	wait := func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
	b.do(t, chromedp.Evaluate(expression, &value, wait))
	return value
}

// A look is how the browser shows a page.
type look struct {
	name          string
	width, height int64
	dark          bool
}

var looks = []look{{"light", 1280, 900, false}, {"dark", 1280, 900, true}, {"phone", 390, 844, true}}

// as has pages shown like that.
func (b *browser) as(t *testing.T, l look) {
	t.Helper()
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	b.do(t, emulation.SetDeviceMetricsOverride(l.width, l.height, 1, l.width < 500),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
}

// inspect looks at the page in every way: it leaves a screenshot, finds nothing that
// keeps people from reading it, and is no wider than the screen.
func (b *browser) inspect(t *testing.T, name string) {
	t.Helper()
	for _, l := range looks {
		b.as(t, l)
		var picture []byte
		b.do(t, chromedp.FullScreenshot(&picture, 100))
		if err := os.WriteFile(filepath.Join(screenshots, name+"-"+l.name+".png"), picture, 0o644); err != nil {
			t.Fatal(err)
		}
		if wide := scripted[int64](t, b, "document.documentElement.scrollWidth"); wide > l.width {
			t.Errorf("%s, %s: it is %d wide, of %d", name, l.name, wide, l.width)
		}
		b.accessible(t, name+", "+l.name)
	}
	b.as(t, looks[0])
}

// accessible asks axe-core for violations that are serious or worse.
func (b *browser) accessible(t *testing.T, name string) {
	t.Helper()
	for _, v := range b.violations(t) {
		t.Errorf("%s: axe: %s", name, v)
	}
}

func (b *browser) violations(t *testing.T) []string {
	t.Helper()
	b.do(t, chromedp.Evaluate(b.axe, nil))
	return scripted[[]string](t, b, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations
		.filter(v => v.impact === "serious" || v.impact === "critical")
		.map(v => v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + " " + (n.failureSummary || "")).join(" | ")))`)
}

// clean holds the browser to have seen no error, and to have asked nobody else.
func (b *browser) clean(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.wrong {
		t.Errorf("the browser says: %s", text)
	}
	for _, url := range b.strays {
		t.Errorf("a request left the origin: %s", url)
	}
	b.wrong, b.strays = nil, nil
}

// axeSource is axe-core, by npm.
func axeSource(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("axe")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(installed(t, "npm", "npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var demoURL = regexp.MustCompile(`see it at (http://[0-9.:]+)/`)

// startDemo starts the demo and returns the origin of its page.
func startDemo(t *testing.T) (origin string) {
	t.Helper()
	demo := start(t, nil, authprober(t), "demo")
	eventually(t, 30*time.Second, "the demo to say where it is", func() error {
		found := demoURL.FindStringSubmatch(demo.log.String())
		if found == nil {
			return fmt.Errorf("it says %q", demo.log)
		}
		origin = found[1]
		return nil
	})
	demo.ready(t, origin+"/-/ready")
	return origin
}
