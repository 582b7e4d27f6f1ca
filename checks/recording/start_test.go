package recording_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/authprober/authprober/checks/recording"
)

const byteOrderMark = "\xef\xbb\xbf"

func TestByteOrderMark(t *testing.T) {
	rec, err := recording.HAR(strings.NewReader(byteOrderMark + harOf(entry{method: "GET", url: "https://a.example/x"})))
	if err != nil {
		t.Fatal(err)
	}
	if flow := flowOf(t, rec); !strings.Contains(flow, "GET /x") {
		t.Errorf("got\n%s", flow)
	}
	for _, c := range []struct {
		from io.Reader
		want string
	}{
		{strings.NewReader(byteOrderMark), "it is empty; " + wantHAR},
		{strings.NewReader(byteOrderMark + "[]"), "line 1, column 1: " + wantHAR},
		{strings.NewReader(byteOrderMark + "{\"log\":\n {\"entries\": 7}}"), "line 2, column 14: " + wantHAR},
		{struct{ io.Reader }{strings.NewReader(byteOrderMark + "{\"log\":\n {\"entries\": 7}}")}, "byte 24: " + wantHAR},
	} {
		if _, err := recording.HAR(c.from); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestOtherEncodings(t *testing.T) {
	text := harOf(entry{method: "GET", url: "https://a.example/x"})
	utf := func(order binary.AppendByteOrder, mark bool) string {
		var all []byte
		if mark {
			all = order.AppendUint16(all, 0xfeff)
		}
		for _, unit := range utf16.Encode([]rune(text)) {
			all = order.AppendUint16(all, unit)
		}
		return string(all)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, want string }{
		{utf(binary.LittleEndian, true), "UTF-16"}, {utf(binary.BigEndian, true), "UTF-16"}, {utf(binary.LittleEndian, false), "UTF-16"}, {utf(binary.BigEndian, false), "UTF-16"},
		{packed.String(), "gzip"},
	} {
		for _, read := range []func(io.Reader) (*recording.Recording, error){recording.HAR, recording.Postman} {
			if _, err := read(strings.NewReader(c.text)); err == nil || !strings.HasPrefix(err.Error(), "it is") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want one that names %s", err, c.want)
			}
		}
	}
}

// What somebody has called a request may have a value in it.
func TestRequestNames(t *testing.T) {
	for name, want := range map[string]string{
		"Log in": "Log in", "Verify PIN": "Verify PIN", "Get token (OAuth2)": "login step", "Step 2: refresh": "Step 2: refresh",
		"login pin=7301": "login step", "Login with PIN 7301": "login step", "POST /login?user=dave": "login step", "password: zebra": "login step", "as hunter22": "login step",
		"password s3cret": "login step", "Login dave with password p@ss": "login step", "password:zebra": "login step", `{"pin":"zebra"}`: "login step",
	} {
		rec, err := recording.Postman(strings.NewReader(`{"info":{"name":` + quotedJSON(name) + `},"item":[{"name":` + quotedJSON(name) + `,"request":{"method":"POST","url":"https://a.example/login/step"}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		flow := flowOf(t, rec)
		if !strings.Contains(flow, "- name: "+want+"\n") && !strings.Contains(flow, `- name: "`+want+"\"\n") || want == "login step" && !strings.Contains(flow, "\nname: recorded\n") {
			t.Errorf("%s: want %s in\n%s", name, want, flow)
		}
	}
}
