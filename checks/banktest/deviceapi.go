package banktest

import (
	"encoding/base64"
	"strings"
	"time"
)

// devicesPath is where the endpoints of one device begin.
const devicesPath = "/v1/devices/"

// deviceRoutes are those below devicesPath: by what follows the device's id.
var deviceRoutes = map[string]route{
	"":           {StepDeviceRemove, "DELETE", (*Bank).removeDevice},
	"/challenge": {StepDeviceChallenge, "POST", (*Bank).deviceChallenge},
	"/payments":  {StepPayment, "POST", (*Bank).payment},
}

// routeOf finds what a path is for.
func routeOf(path string) (route, bool) {
	if to, ok := routes[path]; ok {
		return to, true
	}
	rest, ok := strings.CutPrefix(path, devicesPath)
	if !ok {
		return route{}, false
	}
	id, after := deviceIn(rest)
	to, ok := deviceRoutes[after]
	return to, ok && id != ""
}

func deviceIn(rest string) (id, after string) {
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[:i], rest[i:]
	}
	return rest, ""
}

// device is the id in the request's path.
func (c *call) device() string {
	id, _ := deviceIn(strings.TrimPrefix(c.request.URL.Path, devicesPath))
	return id
}

func (b *Bank) enrol(c *call) answer {
	who, _, why := b.bearer(c)
	if why != nil {
		return why.answer()
	}
	var in struct {
		Key       string `json:"public_key"`
		Algorithm string
	}
	if why := c.decode(&in); why != nil {
		return why.answer()
	}
	if why := want("public_key", in.Key, "algorithm", in.Algorithm); why != nil {
		return why.answer()
	}
	spki, err := base64.StdEncoding.DecodeString(in.Key)
	if err != nil {
		return badRequest("invalid_request", "public_key is no SubjectPublicKeyInfo in base64").answer()
	}
	d, why := newDevice(spki, in.Algorithm)
	if why != nil {
		return why.answer()
	}
	b.vault.enrol(who, d)
	return answerJSON(201, map[string]string{"device": d.id, "algorithm": d.algorithm})
}

func (b *Bank) removeDevice(c *call) answer {
	who, _, why := b.bearer(c)
	if why != nil {
		return why.answer()
	}
	if !b.vault.release(who, c.device()) {
		return refuseDevice.answer()
	}
	return answer{status: 204}
}

// deviceChallenge needs no session: it begins one.
func (b *Bank) deviceChallenge(c *call) answer {
	text, ok := b.vault.challengeDevice(c.device(), c.backend.Name, c.now)
	if !ok {
		return refuseDevice.answer()
	}
	return answerJSON(200, b.challengeAnswer(text))
}

type challengeAnswer struct {
	Challenge string `json:"challenge"`
	ExpiresIn int    `json:"expires_in"`
}

func (b *Bank) challengeAnswer(text string) challengeAnswer {
	return challengeAnswer{text, int(b.options.ChallengeFor / time.Second)}
}

func (b *Bank) deviceLogin(c *call) answer {
	var in struct{ Device, Challenge, Signature string }
	if why := c.decode(&in); why != nil {
		return why.answer()
	}
	if why := want("device", in.Device, "challenge", in.Challenge, "signature", in.Signature); why != nil {
		return why.answer()
	}
	signature, err := base64.StdEncoding.DecodeString(in.Signature)
	if err != nil {
		return badRequest("invalid_request", "signature is no base64").answer()
	}
	who, why := b.vault.signedIn(c, in.Device, in.Challenge, signature)
	if why != nil {
		return why.answer()
	}
	return answerJSON(200, b.vault.login(c, who))
}
