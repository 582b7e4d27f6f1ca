package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/internal/secret"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.yaml.in/yaml/v4"
)

const text = "hunter2-Tr0ub4dor"

type exported struct {
	S secret.Secret
	P *secret.Secret
	M map[string]secret.Secret
}

type unexported struct {
	s secret.Secret
	l []secret.Secret
	m map[string]secret.Secret
}

// values are the shapes a Secret may be printed in.
func values() map[string]any {
	s := secret.New(text)
	m := map[string]secret.Secret{"password": s}
	return map[string]any{
		"value": s, "pointer": &s, "slice": []secret.Secret{s}, "map": m, "array": [1]secret.Secret{s},
		"exported": exported{s, &s, m}, "pointer to exported": &exported{s, &s, m},
		"unexported": unexported{s, []secret.Secret{s}, m}, "pointer to unexported": &unexported{s, []secret.Secret{s}, m},
		"any": []any{s, &s},
	}
}

// safe fails the test if the text, or its bytes in another form, is in out.
func safe(t *testing.T, how, out string) {
	t.Helper()
	for _, f := range []string{"%s", "%x", "%X", "% x", "%d", "%v"} {
		leak := fmt.Sprintf(f, text)
		if f == "%d" {
			leak = strings.Trim(fmt.Sprint([]byte(text)), "[]")
		}
		if strings.Contains(out, leak) {
			t.Errorf("%s shows the secret: %s", how, out)
		}
	}
}

func TestFormat(t *testing.T) {
	for name, v := range values() {
		for _, flags := range []string{"", "+", "#", " ", "0", "-20", "5.2"} {
			for verb := rune(' '); verb < 127; verb++ {
				how := "%" + flags + string(verb)
				safe(t, name+" with "+how, fmt.Sprintf(how, v))
			}
		}
		safe(t, name+" with Print", fmt.Sprint(v))
		safe(t, name+" with Errorf", fmt.Errorf("x: %v", v).Error())
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%U", "%20s", "%.2s"} {
		if got := fmt.Sprintf(verb, secret.New(text)); got != secret.Mark {
			t.Errorf("%s: got %s, want %s", verb, got, secret.Mark)
		}
	}
}

func TestEncode(t *testing.T) {
	for name, v := range values() {
		out, err := json.Marshal(v)
		safe(t, name+" as JSON", fmt.Sprint(string(out), err))
		out, err = yaml.Marshal(v)
		safe(t, name+" as YAML", fmt.Sprint(string(out), err))
		out, err = xml.Marshal(v)
		safe(t, name+" as XML", fmt.Sprint(string(out), err))
		var b bytes.Buffer
		err = gob.NewEncoder(&b).Encode(v)
		safe(t, name+" as gob", fmt.Sprint(b.String(), err))
	}
	for name, marshal := range map[string]func(any) ([]byte, error){"JSON": json.Marshal, "YAML": yaml.Marshal} {
		out, err := marshal(map[string]any{"a": secret.New(text)})
		want := map[string]string{"JSON": `{"a":"[secret]"}`, "YAML": "a: '[secret]'\n"}[name]
		if err != nil || string(out) != want {
			t.Errorf("%s: got %q, %v, want %q", name, out, err, want)
		}
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	for name, v := range values() {
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			out.Reset()
			slog.New(h).Info("x", "v", v)
			safe(t, name+" in slog", out.String())
		}
		for _, enc := range []zapcore.Encoder{
			zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()),
		} {
			out.Reset()
			l := zap.New(zapcore.NewCore(enc, zapcore.AddSync(&out), zap.DebugLevel))
			l.Info("x", zap.Any("v", v), zap.Reflect("r", v))
			l.Sugar().Infow("x", "v", v)
			l.Sugar().Infof("%v %+v %#v", v, v, v)
			safe(t, name+" in zap", out.String())
			if !strings.Contains(out.String(), "x") {
				t.Errorf("%s: nothing was logged", name)
			}
		}
	}
}

func TestSecret(t *testing.T) {
	var zero secret.Secret
	s := secret.New(text)
	switch {
	case s.Reveal() != text:
		t.Errorf("Reveal: got %q, want %q", s.Reveal(), text)
	case zero.Reveal() != "" || !zero.IsZero() || s.IsZero():
		t.Error("the zero value is not the empty text")
	case fmt.Sprint(zero) != secret.Mark:
		t.Errorf("the zero value prints as %v", zero)
	case !s.Equal(secret.New(text)) || s.Equal(zero) || !zero.Equal(secret.New("")):
		t.Error("Equal does not compare the texts")
	}
}
