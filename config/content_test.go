package config_test

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"prefetch_exporter/config"
	"prefetch_exporter/config/secret"
	"prefetch_exporter/config/vendors"
)

// secretPlaces are the configurations of every key that holds a secret: %s is the
// key with its value, and kind is what the value may be.
func secretPlaces() map[string]struct{ key, kind, text string } {
	const (
		vod    = "accounts:\n  - name: a\n    huaweicloud_vod:\n      region: cn-north-4\n      project_id: p\n"
		cdn    = "accounts:\n  - name: a\n    huaweicloud_cdn:\n      domain_id: d\n"
		teo    = "accounts:\n  - name: a\n    tencentcloud_edgeone:\n      zone_id: zone-1\n"
		ali    = "accounts:\n  - name: a\n    alibabacloud_dcdn:\n"
		volc   = "accounts:\n  - name: a\n    volcengine_cdn:\n      page_size: 7\n"
		baidu  = "accounts:\n  - name: a\n    baiducloud_cdn:\n      edition: abroad\n"
		edge   = "accounts:\n  - name: a\n    cdnetworks:\n      username: u\n"
		source = "accounts:\n  - name: a\n    cdnetworks: {username: u, api_key: k}\n" +
			"task_discovery:\n  http:\n    - url: https://h/\n      http_client_config:\n        "
	)
	type place = struct{ key, kind, text string }
	return map[string]place{
		"huawei access key":     {"access_key", "key", vod + "      secret_key: s\n      %s\n"},
		"huawei secret key":     {"secret_key", "key", vod + "      access_key: a\n      %s\n"},
		"huawei security token": {"security_token", "key", vod + "      access_key: a\n      secret_key: s\n      %s\n"},
		"huawei token":          {"token", "key", vod + "      %s\n"},
		"IAM password":          {"password", "password", vod + "      iam:\n        domain: d\n        username: u\n        %s\n"},
		"CDN access key":        {"access_key", "key", cdn + "      secret_key: s\n      %s\n"},
		"CDN secret key":        {"secret_key", "key", cdn + "      access_key: a\n      %s\n"},
		"CDN security token":    {"security_token", "key", cdn + "      access_key: a\n      secret_key: s\n      %s\n"},
		"CDN token":             {"token", "key", cdn + "      %s\n"},
		"CDN IAM password":      {"password", "password", cdn + "      iam:\n        domain: d\n        username: u\n        %s\n"},
		"secret id":             {"secret_id", "key", teo + "      secret_key: s\n      %s\n"},
		"secret id's key":       {"secret_key", "key", teo + "      secret_id: i\n      %s\n"},
		"secret id's token":     {"token", "key", teo + "      secret_id: i\n      secret_key: s\n      %s\n"},
		"Alibaba key id":        {"access_key_id", "key", ali + "      access_key_secret: s\n      %s\n"},
		"Alibaba secret":        {"access_key_secret", "key", ali + "      access_key_id: a\n      %s\n"},
		"Alibaba token":         {"security_token", "key", ali + "      access_key_id: a\n      access_key_secret: s\n      %s\n"},
		"Volcengine key":        {"access_key_id", "key", volc + "      secret_access_key: s\n      %s\n"},
		"Volcengine secret key": {"secret_access_key", "key", volc + "      access_key_id: a\n      %s\n"},
		"Volcengine token":      {"session_token", "key", volc + "      access_key_id: a\n      secret_access_key: s\n      %s\n"},
		"Baidu key":             {"access_key_id", "key", baidu + "      secret_access_key: s\n      %s\n"},
		"Baidu secret key":      {"secret_access_key", "key", baidu + "      access_key_id: a\n      %s\n"},
		"Baidu token":           {"session_token", "key", baidu + "      access_key_id: a\n      secret_access_key: s\n      %s\n"},
		"API key":               {"api_key", "key", edge + "      %s\n"},
		"access key":            {"access_key", "key", edge + "      secret_key: s\n      %s\n"},
		"secret key":            {"secret_key", "key", edge + "      access_key: a\n      %s\n"},
		"basic auth":            {"password", "library's password", source + "basic_auth:\n          username: u\n          %s\n"},
		"authorization":         {"credentials", "library's key", source + "authorization:\n          %s\n"},
		"bearer token":          {"bearer_token", "library's key", source + "%s\n"},
		"oauth2":                {"client_secret", "library's key", source + "oauth2:\n          client_id: c\n          token_url: https://h/\n          %s\n"},
	}
}

// TestSecretContent writes what a secret never contains into every key that holds
// one, in the configuration and in a file.
func TestSecretContent(t *testing.T) {
	t.Parallel()
	const always, keys = "always", "keys"
	for name, c := range map[string]struct {
		value string
		// wrong is where this is an error: always, or in keys and tokens only.
		wrong, want string
	}{
		"zero width":    {"hunter2\u200bkey", always, "contains U+200B, which cannot be seen, at position 8"},
		"mark inside":   {"hunter2\ufeffkey", always, "contains U+FEFF, which cannot be seen, at position 8"},
		"hard blank":    {"hunter2\u00a0key", always, "contains U+00A0, which cannot be seen, at position 8"},
		"soft hyphen":   {"hunter2\u00adkey", always, "contains U+00AD, which cannot be seen, at position 8"},
		"delete":        {"hunter2\x7fkey", always, "contains a control character"},
		"a letter":      {"hunter2käy", keys, "contains a character that is not ASCII, at position 9"},
		"full width":    {"hunter2ｋey", keys, "contains a character that is not ASCII, at position 8"},
		"typographic":   {"hunter2–key", keys, "contains a character that is not ASCII, at position 8"},
		"blank between": {"hunter2 key", "", ""},
	} {
		for what, place := range secretPlaces() {
			for _, inFile := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, in a file: %t", name, what, inFile), func(t *testing.T) {
					t.Parallel()
					key, prefix := place.key, ""
					line := fmt.Sprintf("%s: %q", key, c.value)
					if strings.ContainsAny(c.value, "\x7f") {
						line = key + `: "hunter2\x7fkey"`
					}
					dir := t.TempDir()
					if inFile {
						key += "_file"
						prefix = writeFile(t, filepath.Join(dir, "secret"), c.value+"\n") + ": "
						line = key + ": secret"
					}
					file := writeFile(t, filepath.Join(dir, "config.yml"), fmt.Sprintf(place.text, line))
					_, err := config.Load(file)
					wrong := c.wrong == always || c.wrong == keys && strings.HasSuffix(place.kind, "key")
					if wrong != (err != nil) {
						t.Fatalf("error is %v", err)
					}
					if !wrong {
						return
					}
					if got := err.Error(); !strings.HasSuffix(got, key+": "+prefix+c.want) || strings.Contains(got, "hunter2") || !strings.HasPrefix(got, file+":") {
						t.Errorf("error is\n%s", got)
					}
				})
			}
		}
	}
}

// TestByteOrderMark has it before the secret, where editors put it.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	for what, place := range secretPlaces() {
		for _, inFile := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in a file: %t", what, inFile), func(t *testing.T) {
				t.Parallel()
				key, line := place.key, place.key+`: "\ufeffhunter2"`
				dir := t.TempDir()
				if inFile {
					key += "_file"
					writeFile(t, filepath.Join(dir, "secret"), "\ufeffhunter2\r\n")
					line = key + ": secret"
				}
				c, err := config.Load(writeFile(t, filepath.Join(dir, "config.yml"), fmt.Sprintf(place.text, line)))
				if strings.HasPrefix(place.kind, "library") {
					// Nothing can take it off there.
					if err == nil || !strings.HasSuffix(err.Error(), "contains U+FEFF, which cannot be seen, at position 1") {
						t.Errorf("error is %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := secretsOf(&c.Accounts[0])[key[:len(place.key)]].Value(); got != "hunter2" {
					t.Errorf("the secret is %q", got)
				}
			})
		}
	}
}

// secretsOf returns the secrets of an account by their key.
func secretsOf(a *config.Account) map[string]*secret.Secret {
	secrets := map[string]*secret.Secret{}
	var collect func(section reflect.Value)
	collect = func(section reflect.Value) {
		for _, field := range reflect.VisibleFields(section.Type()) {
			value := section.FieldByIndex(field.Index)
			key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			switch v := value.Interface().(type) {
			case *secret.Secret:
				if _, known := secrets[key]; !known || v != nil {
					secrets[key] = v
				}
			case *vendors.IAM:
				if v != nil {
					collect(value.Elem())
				}
			}
		}
	}
	collect(reflect.ValueOf(a.Vendor).Elem())
	return secrets
}

// TestSecretFileOfWindows has what its editors and its shell write.
func TestSecretFileOfWindows(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"\xef\xbb\xbf":                   "is empty",
		"\xff\xfeh\x00u\x00\r\x00\n\x00": "is UTF-16; save it as UTF-8",
		"\xfe\xff\x00h\x00u":             "is UTF-16; save it as UTF-8",
		"h\xe4":                          "is not valid UTF-8",
	} {
		dir := t.TempDir()
		secret := writeFile(t, filepath.Join(dir, "key"), content)
		file := writeFile(t, filepath.Join(dir, "config.yml"), "accounts:\n  - name: a\n    cdnetworks: {username: u, api_key_file: key}\n")
		_, err := config.Load(file)
		if want := file + ":3: accounts[0].cdnetworks.api_key_file: " + secret + ": " + want; err == nil || err.Error() != want {
			t.Errorf("%q: error is\n%v, want\n%s", content, err, want)
		}
	}
}

// TestBadSecretLater keeps the last value while a file holds what the vendor would
// only call an unknown user, and says why.
func TestBadSecretLater(t *testing.T) {
	t.Parallel()
	key, path := fileSecret(t)
	var problems []string
	key.Tell(secret.Hooks{Failed: func(err error) { problems = append(problems, err.Error()) }})
	for _, step := range []struct{ content, want string }{
		{"\ufeffsecond\n", "second"},
		{"sec\u200bond", "second"},
		{"\xff\xfes\x00", "second"},
		{"third", "third"},
		{"dritté", "third"},
	} {
		writeFile(t, path, step.content)
		if got := key.Value(); got != step.want {
			t.Errorf("after %q the secret is %q", step.content, got)
		}
	}
	prefix := "accounts[0].cdnetworks.api_key_file: " + path + ": contains "
	want := []string{
		prefix + "U+200B, which cannot be seen, at position 4; the last value is kept",
		prefix + "a character that is not ASCII, at position 6; the last value is kept",
	}
	if !slices.Equal(problems, want) {
		t.Errorf("reported %q, want %q", problems, want)
	}
}

// TestMistakenSecrets warns of what is a secret by mistake only, and of nothing
// else.
func TestMistakenSecrets(t *testing.T) {
	t.Parallel()
	const variable, placeholder, blank = "looks like a variable that nothing filled in; none is expanded here",
		"looks like the placeholder of an example", "begins or ends with a blank, which counts"
	for value, want := range map[string]string{
		"${CDN_KEY}": variable, "${CDN_KEY:-none}": variable, "pre-${key}": variable, "$(cat /run/key)": variable,
		"$CDN_KEY": variable, "{{ .Values.key }}": variable, "%CDN_KEY%": variable,
		"AKEXAMPLE": placeholder, "AKIAIOSFODNN7EXAMPLE": placeholder, "<secret>": placeholder, "changeme": placeholder,
		"CHANGE-ME": placeholder, "your-api-key": placeholder, "xxxxxxxx": placeholder, "********": placeholder, "...": placeholder,
		" key": blank, "key ": blank,
		"$2a$10$abc": "", "a${": "", "100%sure%": "", "$": "", "x": "", "abcEXAMPLEdef": "", "yourself": "", "a<b>c": "",
	} {
		for what, place := range secretPlaces() {
			for _, inFile := range []bool{false, true} {
				key, line := place.key, fmt.Sprintf("%s: %q", place.key, value)
				dir := t.TempDir()
				if inFile {
					key += "_file"
					writeFile(t, filepath.Join(dir, "secret"), value)
					line = key + ": secret"
				}
				c, err := config.Load(writeFile(t, filepath.Join(dir, "config.yml"), fmt.Sprintf(place.text, line)))
				if err != nil {
					t.Fatal(err)
				}
				want := want
				if want == blank && inFile && strings.HasPrefix(place.kind, "library") {
					want = "" // taken off there
				}
				var got []string
				for _, w := range c.Warnings {
					got = append(got, w.Message)
					if !strings.HasSuffix(w.Field, "."+key) {
						t.Errorf("%q, %s: the field is %s", value, what, w.Field)
					}
				}
				if strings.Join(got, "; ") != want {
					t.Errorf("%q, %s, in a file: %t: warnings %q, want %q", value, what, inFile, got, want)
				}
			}
		}
	}
}

// TestMistakenNames warns of variables beside the secrets.
func TestMistakenNames(t *testing.T) {
	t.Parallel()
	c := load(t, `accounts:
  - name: a
    cdnetworks:
      username: ${CDN_USER}
      api_key: k
      http_client_config: {proxy_url: "http://proxy:1", proxy_connect_header: {A: ["${TOKEN}"]}}
  - name: b
    huaweicloud_vod: {region: cn-north-4, project_id: p, iam: {domain: $DOMAIN, username: "{{user}}", password: p}}
task_discovery:
  http:
    - url: https://h/?token=${TOKEN}
      http_client_config: {http_headers: {A: {values: ["${TOKEN}"], secrets: [changeme]}}}
`)
	var got []string
	for _, w := range c.Warnings {
		got = append(got, w.Field)
	}
	want := []string{
		"accounts[0].cdnetworks.username", "accounts[0].cdnetworks.http_client_config.proxy_connect_header.A[0]",
		"accounts[1].huaweicloud_vod.iam.domain", "accounts[1].huaweicloud_vod.iam.username",
		"task_discovery.http[0].url", "task_discovery.http[0].http_client_config.http_headers.A.values[0]",
		"task_discovery.http[0].http_client_config.http_headers.A.secrets[0]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("warnings of\n%q, want\n%q", got, want)
	}
}
