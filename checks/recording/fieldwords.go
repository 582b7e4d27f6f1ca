package recording

import (
	"slices"
	"strings"
	"unicode"
)

// The words that make a name one of a credential, in the languages that banks
// name their fields in. Those in passwordWords and userWords stand as a word of
// the name, so that shipping holds no pin; those in passwordParts and userParts,
// which are long enough to mean nothing else, anywhere in it.
var (
	passwordWords = []string{"pin", "mpin", "epin", "pins", "puk", "pass", "passwd", "pw", "pwd", "mdp", "senha", "clave", "heslo", "haslo", "memorable", "answer", "answers", "antwort", "antworten", "parola", "losenord", "salasana", "sifre"}
	passwordParts = []string{"password", "passwort", "passwd", "passphrase", "passcode", "pincode", "kennwort", "geheimzahl", "wachtwoord", "contrasena", "contrasenya", "motdepasse", "accesscode", "codedacces", "codeacces",
		"zugangscode", "zugriffscode", "memorableword", "memorabledata", "securityanswer", "secretanswer"}
	userParts = []string{"kundennummer", "kundennr", "kundenid", "kundenkennung", "customernumber", "customerno", "customernr", "customerid", "zugangsnummer", "zugangskennung", "zugangsnr", "teilnehmernummer", "teilnehmerid", "legitimationsid",
		"benutzername", "benutzerkennung", "anmeldename", "loginname", "username", "kontonummer", "vertragsnummer", "numeroclient", "identifiant", "numerocliente", "usuario", "gebruikersnaam", "klantnummer", "membershipnumber", "membernumber", "memberno"}
	// facts at the end of a name make it one about a credential, not of one.
	facts = []string{"type", "types", "url", "uri", "endpoint", "length", "policy", "hint", "expires", "expiry", "ttl", "method", "format", "enabled", "required"}
)

// folded writes the letters of other alphabets that such names have as ASCII.
var folded = strings.NewReplacer("ñ", "n", "ç", "c", "é", "e", "è", "e", "ó", "o", "ö", "o", "ä", "a", "ü", "u", "ł", "l", "ş", "s")

// wordsOf are the words of a name in small letters: userPIN, user_pin and X-User-Pin
// all hold user and pin.
func wordsOf(name string) (words []string) {
	var word []rune
	end := func() {
		if len(word) > 0 {
			words = append(words, folded.Replace(strings.ToLower(string(word))))
		}
		word = word[:0]
	}
	letters := []rune(name)
	for i, c := range letters {
		if !unicode.IsLetter(c) {
			end() // digits, too: pin1 and pin2 are pins
			continue
		}
		if i > 0 && unicode.IsUpper(c) && (unicode.IsLower(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1])) {
			end()
		}
		word = append(word, c)
	}
	end()
	return words
}

// roleByWords is the role of a field by the words of its name.
func roleByWords(name string) role {
	words := wordsOf(name)
	whole := strings.Join(words, "")
	switch {
	case hasAny(whole, passwordParts...) || hasWord(words, passwordWords):
		return passwordRole
	case hasAny(whole, "secret", "apikey", "subscriptionkey"):
		return secretRole
	case hasAny(whole, userParts...):
		return userRole
	}
	return noRole
}

func hasWord(words, of []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(of, w) })
}

// namesCredential reports whether what stands beside a name within a text must
// not be shown: a text is not taken apart, so that a token counts as well.
func namesCredential(name string) bool {
	words := wordsOf(name)
	if len(words) == 0 || slices.Contains(facts, words[len(words)-1]) {
		return false
	}
	r := roleByWords(name)
	return r == passwordRole || r == secretRole || roleOf[plain(name)] == passwordRole || hasWord(words, []string{"token", "jwt", "jsessionid", "sessionid", "phpsessid", "credential", "credentials", "otp", "tan", "cvv", "cvc"}) ||
		hasAny(strings.Join(words, ""), "token", "sessionid")
}
