package htmlform

import (
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const pageURL = "https://id.bank.example/realms/retail/login?session=1#top"

func mustParse(t *testing.T, contentType, text string) *Page {
	t.Helper()
	at, err := url.Parse(pageURL)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(at, contentType, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What a browser would send for the first form of a page.
func TestSubmit(t *testing.T) {
	tests := []struct{ name, page, want string }{
		{"hidden and default values", `<form method=post><input type=hidden name=csrf value="a&#43;b&amp;c"><input name=user value=x><input name=password type=password></form>`,
			"POST /realms/retail/login?session=1#top csrf=a%2Bb%26c&user=x&password="},
		{"GET replaces the query", `<form action="/search?old=1"><input name=q value="a b*~"></form>`, "GET /search?q=a+b*%7E "},
		{"an unknown method is GET", `<form method=put action=/a><input name=q></form>`, "GET /a?q= "},
		{"nothing to send by GET", `<form action=/a?b></form>`, "GET /a "},
		{"relative action", `<form method=POST action=authenticate?x=%20y></form>`, "POST /realms/retail/authenticate?x=%20y "},
		{"spaces around an action, a line end in it", "<form method=post action=' /a\nb '></form>", "POST /ab "},
		{"empty action is the page, whatever the base", `<base href=/other/><form method=post action=""></form>`, "POST /realms/retail/login?session=1#top "},
		{"base", `<base target=x><base href="/other/"><base href=/third/><form method=post action=in></form>`, "POST /other/in "},
		{"a base that is no page", `<base href="data:text/plain,x"><form method=post action=in></form>`, "POST /realms/retail/in "},
		{"boxes and radio buttons", `<form action=/><input type=checkbox name=a checked><input type=checkbox name=b value=1 checked><input type=checkbox name=c>
			<input type=radio name=r value=1 checked><input type=radio name=r value=2 checked><input type=radio name=s value=3></form>`, "GET /?a=on&b=1&r=2 "},
		{"a select", `<form action=/><select name=a><option value=1>one<option selected> two  &amp;
			half <option value=3></select></form>`, "GET /?a=two+%26+half "},
		{"the first that is not disabled", `<form action=/><select name=a><option disabled value="">choose<optgroup disabled><option>x</optgroup><option value=2></select></form>`, "GET /?a=2 "},
		{"the last that is marked", `<form action=/><select name=a><option selected>1<option selected>2<option>3</select></form>`, "GET /?a=2 "},
		{"several", `<form action=/><select name=a multiple><option selected>1<option selected disabled>2<option selected>3</select></form>`, "GET /?a=1&a=3 "},
		{"none of a list", `<form action=/><select name=a size=4><option>1<option>2</select><select name=b multiple><option>1</select></form>`, "GET / "},
		{"what ends a select", `<form action=/><select name=a><option>1<input name=b value=2><option>3</form>`, "GET /?a=1&b=2 "},
		{"textarea", "<form action=/><textarea name=a>\n\n a&lt;b\nc<input name=x></textarea></form>", "GET /?a=%0D%0A+a%3Cb%0D%0Ac%3Cinput+name%3Dx%3E "},
		{"line ends in a line", "<form action=/><input name=a value='1\n2'><input type=hidden name=b value='1\n2'></form>", "GET /?a=12&b=1%0D%0A2 "},
		{"the first button", `<form action=/><button type=button name=x value=0></button><input type=reset name=y><button name=go value=1>Go</button><input type=submit name=no value=2></form>`, "GET /?go=1 "},
		{"a button without a name", `<form action=/><input name=a><input type=submit value="Log in"><button name=b></button></form>`, "GET /?a= "},
		{"a disabled button", `<form action=/><button name=a value=1 disabled></button><button name=b value=2></button></form>`, "GET /?b=2 "},
		{"a picture", `<form action=/><input type=image name=map src=x><input name=a></form>`, "GET /?map.x=0&map.y=0&a= "},
		{"formaction", `<form action=/a method=get enctype=text/plain><input name=q value=1><button formaction=/b formmethod=post formenctype="">x</button></form>`, "POST /b q=1"},
		{"an empty formaction is the page", `<form action=/a><button formaction="" formmethod=post>x</button></form>`, "POST /realms/retail/login?session=1#top "},
		{"the owner of a control elsewhere", `<input name=before form=f value=0><form id=other><input name=mine form=f value=1></form><form id=f action=/f></form><button form=f name=b value=2>`,
			"GET /f?before=0&mine=1&b=2 "},
		{"an owner that is not there", `<form action=/><input name=a form=nobody><input name=b form=""><input name=c></form>`, "GET /?c= "},
		{"disabled", `<form action=/><input name=a disabled><fieldset disabled><legend><input name=b></legend><legend><input name=c></legend><fieldset><input name=d></fieldset></fieldset><input name=e></form>`,
			"GET /?b=&e= "},
		{"without a name", `<form action=/><input value=1><input name="" value=2><input name=a value=3></form>`, "GET /?a=3 "},
		{"what is no part of the page", `<template><form action=/t><input name=t></form></template><form action=/><!-- <input name=x> --><script>"<input name=y>"</script>
			<datalist><input name=z><option>q</option></datalist><template><input name=w></template><style><input name=v></style><input name=a></form>`, "GET /?a= "},
		{"what a page says to browsers without scripts", `<noscript><form action=/saml method=post><input type=hidden name=R value=1><input type=submit></form></noscript>`, "POST /saml R=1"},
		{"a form between a table and its rows", `<table><form action=/t method=post><tr><td><input name=a value=1></td></tr></table><input name=b value=2></form><input name=c>`, "POST /t a=1&b=2"},
		{"a form inside a form is none", `<form action=/a><input name=a><form action=/b><input name=b></form><input name=c>`, "GET /a?a=&b= "},
		{"never closed", `<FORM ACTION=/a><INPUT NAME=a VALUE=1><TEXTAREA NAME=b>x`, "GET /a?a=1&b=x "},
		{"attributes twice", `<form action=/a action=/b><input name=a name=b value=1 value=2></form>`, "GET /a?a=1 "},
		{"the character set", `<form action=/><input type=hidden name=_charset_ value=x><input name=a value=ö></form>`, "GET /?_charset_=UTF-8&a=%C3%B6 "},
		{"no file", `<form action=/ method=post><input type=file name=a></form>`, "POST / a="},
		{"a colon in a name", `<form action=/ method=post><input name="j_id:login[]" value=1></form>`, "POST / j_id%3Alogin%5B%5D=1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page := mustParse(t, "text/html; charset=utf-8", tt.page)
			form := page.Forms[0]
			if form.ID == "other" {
				form = page.Forms[1]
			}
			sent, err := form.Submit(nil)
			if err != nil {
				t.Fatal(err)
			}
			got := sent.Method + " " + strings.TrimPrefix(sent.URL.String(), "https://id.bank.example") + " " + string(sent.Body)
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if form := sent.ContentType == "application/x-www-form-urlencoded"; form != (sent.Method == "POST") {
				t.Errorf("got the content type %q", sent.ContentType)
			}
		})
	}
}

const consent = `<form id=consent name=c method=post action=/consent>
	<input type=hidden name=csrf value=token-1><input name=user value=given>
	<input type=hidden name=remember value=0><input type=checkbox name=remember value=1>
	<input type=radio name=for value=day checked><input type=radio name=for value=ever>
	<select name=account><option value=1 selected>one<option value=2>two<option value=3 disabled>three</select>
	<textarea name=note>n</textarea><input name=off disabled>
	<button id=y name=action value=allow>Allow</button><button id=n name=action value=deny>Deny</button></form>`

func TestFillIn(t *testing.T) {
	form := func() *Form { return mustParse(t, "text/html", consent).Forms[0] }
	tests := []struct {
		name string
		fill func(f *Form) error
		by   *Button
		want string
		err  error
	}{
		{"as it is", func(*Form) error { return nil }, nil, "csrf=token-1&user=given&remember=0&for=day&account=1&note=n&action=allow", nil},
		{"typed", func(f *Form) error { return f.Set("user", "a+b c\nd") }, nil, "csrf=token-1&user=a%2Bb+c%0D%0Ad&remember=0&for=day&account=1&note=n&action=allow", nil},
		{"hidden", func(f *Form) error { return f.Set("csrf", "x") }, nil, "csrf=x&user=given&remember=0&for=day&account=1&note=n&action=allow", nil},
		{"a box beside a hidden field", func(f *Form) error { return f.Set("remember", "1") }, nil, "csrf=token-1&user=given&remember=0&remember=1&for=day&account=1&note=n&action=allow", nil},
		{"a box unchecked", func(f *Form) error { _ = f.Set("remember", "1"); return f.Set("remember", "") }, nil, "csrf=token-1&user=given&remember=0&for=day&account=1&note=n&action=allow", nil},
		{"a radio button", func(f *Form) error { return f.Set("for", "ever") }, nil, "csrf=token-1&user=given&remember=0&for=ever&account=1&note=n&action=allow", nil},
		{"an option", func(f *Form) error { return f.Set("account", "2") }, nil, "csrf=token-1&user=given&remember=0&for=day&account=2&note=n&action=allow", nil},
		{"the other button", func(*Form) error { return nil }, &Button{Name: "action", Value: "deny"}, "csrf=token-1&user=given&remember=0&for=day&account=1&note=n&action=deny", nil},
		{"a button by id", func(*Form) error { return nil }, &Button{ID: "n"}, "csrf=token-1&user=given&remember=0&for=day&account=1&note=n&action=deny", nil},
		{"no such button", func(*Form) error { return nil }, &Button{Name: "user"}, "", ErrNoButton},
		{"no such field", func(f *Form) error { return f.Set("users", "x") }, nil, "", ErrNoField},
		{"a disabled field", func(f *Form) error { return f.Set("off", "x") }, nil, "", ErrNoField},
		{"a button is no field", func(f *Form) error { return f.Set("action", "deny") }, nil, "", ErrNoField},
		{"a name of nothing", func(f *Form) error { return f.Set("", "x") }, nil, "", ErrNoField},
		{"no such option", func(f *Form) error { return f.Set("account", "4") }, nil, "", ErrNoChoice},
		{"a disabled option", func(f *Form) error { return f.Set("account", "3") }, nil, "", ErrNoChoice},
		{"no such box", func(f *Form) error { return f.Set("remember", "2") }, nil, "", ErrNoChoice},
		{"a radio button cannot be unchecked", func(f *Form) error { return f.Set("for", "") }, nil, "", ErrNoChoice},
		{"added", func(f *Form) error { f.Add("off", "on"); f.Add("csrf", "new"); return nil }, nil,
			"user=given&remember=0&for=day&account=1&note=n&action=allow&off=on&csrf=new", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := form()
			err := tt.fill(f)
			var sent *Submission
			if err == nil {
				sent, err = f.Submit(tt.by)
			}
			if err != tt.err {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if err == nil && string(sent.Body) != tt.want {
				t.Errorf("got  %s\nwant %s", sent.Body, tt.want)
			}
		})
	}
	f := form()
	if diff := cmp.Diff([]string{"token-1", "given", "0", "n"}, f.Secrets()); diff != "" {
		t.Errorf("the page's values (-want +got):\n%s", diff)
	}
	if got := f.Fields(); got != 6 {
		t.Errorf("got %d fields, want 6", got)
	}
}

func TestRefused(t *testing.T) {
	for page, want := range map[string]error{
		`<form method=dialog>`:                                         ErrDialog,
		`<form method=post enctype=text/plain>`:                        ErrPlain,
		`<form action="http://[::1">`:                                  ErrAction,
		`<form method=post><button formenctype=text/plain></button>`:   ErrPlain,
		`<form method=post><button formaction="https://%zz"></button>`: ErrAction,
	} {
		if got, err := mustParse(t, "text/html", page).Forms[0].Submit(nil); err != want {
			t.Errorf("%s: got %+v, %v; want %v", page, got, err, want)
		}
	}
}

func TestMultipart(t *testing.T) {
	f := mustParse(t, "text/html", `<form method=post enctype=multipart/form-data><input name='a"b' value=1><input type=file name=f><textarea name=t>x
y</textarea></form>`).Forms[0]
	sent, err := f.Submit(nil)
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(sent.ContentType)
	if err != nil || kind != "multipart/form-data" {
		t.Fatalf("got %q: %v", sent.ContentType, err)
	}
	var got []string
	for r := multipart.NewReader(strings.NewReader(string(sent.Body)), params["boundary"]); ; {
		part, err := r.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		value, _ := io.ReadAll(part)
		got = append(got, part.Header.Get("Content-Disposition")+" "+part.Header.Get("Content-Type")+" "+string(value))
	}
	want := []string{`form-data; name="a%22b"  1`, `form-data; name="f"; filename="" application/octet-stream `, "form-data; name=\"t\"  x\r\ny"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

func TestCharacterSets(t *testing.T) {
	const form = "<form action=/><input type=hidden name=_charset_><input name=a value='VALUE'></form>"
	tests := []struct{ name, contentType, page, want string }{
		{"declared in the header", "text/html; charset=ISO-8859-1", strings.Replace(form, "VALUE", "\xf6", 1), "_charset_=windows-1252&a=%F6"},
		{"declared in the page", "text/html", "<meta charset=windows-1252>" + strings.Replace(form, "VALUE", "\x80", 1), "_charset_=windows-1252&a=%80"},
		{"declared in a page of ASCII", "text/html", "<meta http-equiv=Content-Type content='text/html; charset=iso-8859-1'>" + strings.Replace(form, "VALUE", "&ouml;", 1), "_charset_=windows-1252&a=%F6"},
		{"a character that it does not have", "text/html; charset=windows-1252", strings.Replace(form, "VALUE", "&#9731;", 1), "_charset_=windows-1252&a=%26%239731%3B"},
		{"the form wants UTF-8", "text/html; charset=windows-1252", strings.NewReplacer("VALUE", "\xf6", "<form", "<form accept-charset=UTF-8").Replace(form), "_charset_=UTF-8&a=%C3%B6"},
		{"UTF-16 answers in UTF-8", "text/html; charset=utf-16le", utf16(strings.Replace(form, "VALUE", "x", 1)), "_charset_=UTF-8&a=x"},
		{"a mark at the beginning", "text/html", "\ufeff" + strings.Replace(form, "VALUE", "ö", 1), "_charset_=UTF-8&a=%C3%B6"},
		{"nothing declared", "", strings.Replace(form, "VALUE", "ö", 1), "_charset_=UTF-8&a=%C3%B6"},
		{"unknown", "text/html; charset=ebcdic-x", strings.Replace(form, "VALUE", "ö", 1), "_charset_=UTF-8&a=%C3%B6"},
	}
	for _, tt := range tests {
		sent, err := mustParse(t, tt.contentType, tt.page).Forms[0].Submit(nil)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if sent.URL.RawQuery != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, sent.URL.RawQuery, tt.want)
		}
	}
	for _, contentType := range []string{"text/html", "text/html; charset=utf-8", ""} {
		if _, err := Parse(&url.URL{}, contentType, []byte("<form><input value='\xf6'>")); err != ErrCharset {
			t.Errorf("%q, and no UTF-8: got %v, want %v", contentType, err, ErrCharset)
		}
	}
}

func utf16(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.Write([]byte{c, 0})
	}
	return b.String()
}

func TestBounds(t *testing.T) {
	for _, part := range []string{"<form></form>", "<input name=a>", "<select name=a><option>"} {
		if _, err := Parse(&url.URL{}, "text/html", []byte(strings.Repeat(part, maxParts+1))); err != ErrTooMany {
			t.Errorf("%d times %s: got %v, want %v", maxParts+1, part, err, ErrTooMany)
		}
	}
}

// FuzzPage holds that whatever a page is, its forms can be filled in and sent, or
// an error says why not.
func FuzzPage(f *testing.F) {
	for _, page := range []string{
		consent, "<table><form><tr><select><optgroup><option><textarea>", "<form action='&#43;:'><button formaction='\x00'>",
		"</form></select></textarea></option></fieldset></legend></template></datalist>", "<template><form></template><input form=a id=a name=\xff>",
		"<noscript><form method=post enctype=multipart/form-data><input name='\r\n\"'>", "<base href='http://%'><form><input type=image>",
	} {
		f.Add("text/html", page, "user", "value")
	}
	f.Fuzz(func(t *testing.T, contentType, text, name, value string) {
		at, _ := url.Parse(pageURL)
		page, err := Parse(at, contentType, []byte(text))
		if err != nil {
			return
		}
		for _, form := range page.Forms {
			_ = form.Set(name, value)
			form.Add(value, name)
			form.Secrets()
			sent, err := form.Submit(nil)
			if err != nil {
				continue
			}
			if sent.Method == "GET" && (len(sent.Body) > 0 || strings.ContainsAny(sent.URL.RawQuery, " \r\n\x00")) {
				t.Errorf("%q: got %+v", text, sent)
			}
		}
	})
}
