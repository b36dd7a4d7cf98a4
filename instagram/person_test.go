package instagram_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

// The profile of a session must be that of the same person.
func TestT5_RecheckAcceptsTheSamePersonOnly(t *testing.T) {
	const other, otherScoped = "17841405822304915", "25025320822304915"
	somebody := instagram.User{ID: userID, AppScopedID: appScopedID}
	older := instagram.User{ID: appScopedID, AppScopedID: appScopedID} // of a version that took it for the stable ID
	for _, c := range []struct {
		name  string
		api   instagram.API
		known instagram.User
		node  string
		same  bool
	}{
		{"both IDs", "", somebody, goodNode, true},
		{"user_id alone", "", somebody, `{"user_id":"` + userID + `","username":"renamed"}`, true},
		{"user_id decides, whatever id says", "", somebody, `{"user_id":"` + userID + `","id":"` + otherScoped + `","username":"j"}`, true},
		{"id alone", "", somebody, `{"id":"` + appScopedID + `","username":"j"}`, true},
		{"wrapped", "", somebody, `{"data":[` + goodNode + `]}`, true},
		{"an older session, whose ID is the app-scoped one", "", older, goodNode, true},
		{"an older session, id alone", "", older, `{"id":"` + appScopedID + `","username":"j"}`, true},
		{"a session without an app-scoped ID", "", instagram.User{ID: userID}, goodNode, true},
		{"basic_display", instagram.BasicDisplay, instagram.User{ID: userID, AppScopedID: userID}, `{"id":"` + userID + `","username":"j"}`, true},

		{"another user_id", "", somebody, `{"user_id":"` + other + `","id":"` + appScopedID + `","username":"j"}`, false},
		{"a neighbour, as a float sees it", "", somebody, `{"user_id":17841405793187219,"username":"j"}`, false},
		{"another id alone", "", somebody, `{"id":"` + otherScoped + `","username":"j"}`, false},
		{"the account's ID in the place of the app-scoped one", "", somebody, `{"id":"` + userID + `","username":"j"}`, false},
		{"the app-scoped ID in the place of the account's", "", somebody, `{"user_id":"` + appScopedID + `","username":"j"}`, false},
		{"id alone, and no app-scoped ID is known", "", instagram.User{ID: userID}, `{"id":"` + appScopedID + `","username":"j"}`, false},
		{"an older session, another id", "", older, `{"user_id":"` + userID + `","id":"` + otherScoped + `","username":"j"}`, false},
		{"an older session, user_id alone", "", older, `{"user_id":"` + userID + `","username":"j"}`, false},
		{"basic_display, another id", instagram.BasicDisplay, instagram.User{ID: userID, AppScopedID: userID}, `{"id":"` + other + `","username":"j"}`, false},
		{"basic_display, user_id is not looked at", instagram.BasicDisplay, instagram.User{ID: userID, AppScopedID: userID}, `{"id":"` + other + `","user_id":"` + userID + `","username":"j"}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := serve(t, answer(200, c.node), func(config *instagram.Config) {
				if c.api != "" {
					config.API = c.api
				}
			})
			got, err := client.Recheck(t.Context(), instagram.Token{AccessToken: token}, c.known)
			if !c.same {
				if failure := wantKind(t, err, instagram.BadProfile); !strings.Contains(failure.Remedy(), "named two accounts") || !failure.OfOnePerson() {
					t.Errorf("remedy %q", failure.Remedy())
				}
				if !reflect.DeepEqual(got, instagram.User{}) {
					t.Errorf("got %+v", got)
				}
				return
			}
			if err != nil || got.ID != c.known.ID || got.AppScopedID != c.known.AppScopedID || got.Username == "" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// A node with an ID alone is that of a private account. Other incomplete nodes are refused, too.
func TestT5_AnIncompleteNodeIsRefused(t *testing.T) {
	known := instagram.User{ID: userID, AppScopedID: appScopedID}
	for body, private := range map[string]bool{
		`{"id":"` + appScopedID + `"}`: true, `{"data":[{"id":"` + appScopedID + `"}]}`: true, `{"id":` + appScopedID + `}`: true,
		`{"user_id":"` + userID + `"}`: false, `{"id":"` + appScopedID + `","name":"Jay"}`: false, `{"id":"x"}`: false, `{"id":null}`: false, `{"username":"jayposiris"}`: false, `{}`: false,
	} {
		client := serve(t, answer(200, body))
		_, first := client.User(t.Context(), instagram.Token{AccessToken: token})
		_, again := client.Recheck(t.Context(), instagram.Token{AccessToken: token}, known)
		for _, err := range []error{first, again} {
			got := wantKind(t, err, instagram.BadProfile)
			if got.PrivateAccount() != private || strings.Contains(got.Remedy(), "is private") != private {
				t.Errorf("%s: private %v, remedy %q", body, got.PrivateAccount(), got.Remedy())
			}
			if strings.Contains(err.Error(), "jayposiris") || strings.Contains(err.Error(), "Jay") || strings.Contains(err.Error(), appScopedID) {
				t.Errorf("%s: the error names the person: %v", body, err)
			}
		}
	}
}

// Without the ID that people are known by, nobody is signed in under another one.
func TestT5_ANodeWithoutUserIDIsRefused(t *testing.T) {
	for _, body := range []string{
		`{"id":"` + appScopedID + `","username":"jayposiris"}`, `{"data":[{"id":"` + appScopedID + `","username":"jayposiris"}]}`, `{"user_id":null,"id":"` + appScopedID + `","username":"jayposiris"}`,
		`{"id":"` + userID + `","username":"jayposiris"}`, `{"id":"` + appScopedID + `","username":"jayposiris","userid":"` + userID + `","user-id":"` + userID + `"}`,
	} {
		for _, id := range []string{"", userID, appScopedID} {
			_, err := serve(t, answer(200, body)).User(t.Context(), instagram.Token{AccessToken: token, UserID: id})
			if got := wantKind(t, err, instagram.BadProfile); !strings.Contains(got.Remedy(), "did not send user_id") || !strings.Contains(err.Error(), "username") || strings.Contains(err.Error(), "jayposiris") {
				t.Errorf("%s: %v, remedy %q", body, err, got.Remedy())
			}
		}
	}
}

// The account type comes in one spelling, and other fields as Instagram writes them.
func TestTheAccountTypeHasOneSpelling(t *testing.T) {
	for said, want := range map[string]string{
		`"BUSINESS"`: "BUSINESS", `"Business"`: "BUSINESS", `"business"`: "BUSINESS", `"MEDIA_CREATOR"`: "MEDIA_CREATOR", `"Media_Creator"`: "MEDIA_CREATOR", `"PERSONAL"`: "PERSONAL", `"Some_Thing"`: "SOME_THING", `""`: "",
	} {
		for _, api := range []instagram.API{instagram.InstagramLogin, instagram.BasicDisplay} {
			client := serve(t, answer(200, `{"id":"`+userID+`","user_id":"`+userID+`","username":"j","name":"Jay Posiris","account_type":`+said+`}`), func(c *instagram.Config) {
				c.API, c.Fields = api, []string{"account_type"}
			})
			got, err := client.User(t.Context(), instagram.Token{AccessToken: token})
			if err != nil || !reflect.DeepEqual(got.Fields, []instagram.Field{{Name: "account_type", Value: want}}) {
				t.Errorf("%s %s: %+v, %v", api, said, got.Fields, err)
			}
		}
	}
}

// A refused optional field does not prevent the sign-in.
func TestARefusedFieldIsLeftOut(t *testing.T) {
	const unknown = `{"error":{"message":"(#100) Tried accessing nonexisting field (website) on node type (IGUser)","type":"IGApiException","code":100}}`
	for _, c := range []struct {
		name   string
		spoils string
		asked  int
		field  string // that Instagram does not know
		lacks  bool
	}{
		{"unknown field", unknown, 2, "website", false},
		{"another parameter", `{"error":{"message":"(#100) Invalid parameter","code":100}}`, 2, "", false},
		{"10: permission", `{"error":{"message":"(#10) Application does not have permission for this action","code":10}}`, 2, "", true},
		{"200: permission", `{"error":{"message":"(#200) Requires instagram_business_manage_insights","code":200}}`, 2, "", true},
		{"3: capability", `{"error":{"message":"(#3) x","code":3}}`, 2, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := answers(goodNode, c.spoils, goodNode)
			client := s.client(t, instagram.InstagramLogin, "name", "website")
			for range 2 { // the first one shows that the token is read from the header
				got, err := client.User(t.Context(), instagram.Token{AccessToken: token})
				if err != nil || got.ID != userID || len(got.Fields) != 0 {
					t.Fatalf("got %+v, %v", got, err)
				}
				if len(s.asked) == 1 {
					if got.FieldError != nil {
						t.Errorf("failed: %v", got.FieldError)
					}
					continue
				}
				if e := got.FieldError; e == nil || e.UnknownField() != c.field || e.LacksPermission() != c.lacks {
					t.Errorf("failed: %v", e)
				}
			}
			if last := s.asked[len(s.asked)-1].URL.Query().Get("fields"); len(s.asked) != 3 || last != "id,user_id,username" {
				t.Errorf("asked %d times, last for %q", len(s.asked), last)
			}
			known := instagram.User{ID: userID, AppScopedID: appScopedID}
			again := answers(goodNode, c.spoils, goodNode)
			client = again.client(t, instagram.InstagramLogin, "name", "website")
			_, _ = client.User(t.Context(), instagram.Token{AccessToken: token})
			if got, err := client.Recheck(t.Context(), instagram.Token{AccessToken: token}, known); err != nil || got.FieldError == nil {
				t.Errorf("looked at again: %+v, %v", got, err)
			}
		})
	}
}

// Other errors cause no second call, and a second error is final.
func TestT4_OnlyARefusedFieldCausesASecondCall(t *testing.T) {
	for _, body := range []string{
		`{"error":{"message":"Session has expired","code":190,"error_subcode":463}}`, `{"error":{"message":"x","code":4}}`, `{"error":{"message":"x","code":2}}`, `{"error":{"message":"API access blocked.","code":200}}`, `{"error":{"message":"x","code":803}}`, `{"hello":1}`,
	} {
		s := answers(goodNode, body)
		client := s.client(t, instagram.InstagramLogin, "name")
		_, _ = client.User(t.Context(), instagram.Token{AccessToken: token})
		if got, err := client.User(t.Context(), instagram.Token{AccessToken: token}); err == nil || got.FieldError != nil || len(s.asked) != 2 {
			t.Errorf("%s: got %+v, %v after %d calls", body, got, err, len(s.asked))
		}
	}
	spoiled := `{"error":{"message":"(#10) x","code":10}}`
	s := answers(goodNode, spoiled, spoiled)
	client := s.client(t, instagram.InstagramLogin, "name")
	_, _ = client.User(t.Context(), instagram.Token{AccessToken: token})
	_, err := client.User(t.Context(), instagram.Token{AccessToken: token})
	if wantKind(t, err, instagram.Refused); len(s.asked) != 3 {
		t.Errorf("asked %d times", len(s.asked))
	}
	bare := answers(goodNode, spoiled)
	client = bare.client(t, instagram.InstagramLogin)
	_, _ = client.User(t.Context(), instagram.Token{AccessToken: token})
	if _, err = client.User(t.Context(), instagram.Token{AccessToken: token}); err == nil || len(bare.asked) != 2 {
		t.Errorf("without fields: %v after %d calls", err, len(bare.asked))
	}
}

// A permission that a field would prove does not count as granted when the field is refused.
func TestT5_ARefusedFieldProvesNoPermission(t *testing.T) {
	calls := 0
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if calls++; strings.Contains(r.URL.RawQuery, "media_count") {
			answer(400, `{"error":{"message":"(#10) Application does not have permission for this action","code":10}}`)(w, r)
			return
		}
		answer(200, `{"id":"`+userID+`","username":"j"}`)(w, r)
	}, basicDisplay, func(c *instagram.Config) { c.Required = []string{"user_media"} })
	got, err := client.User(t.Context(), instagram.Token{AccessToken: token})
	if err != nil || got.Permissions != instagram.PermissionsOf("user_profile") || !got.FieldError.LacksPermission() || calls != 2 {
		t.Errorf("got %+v, %v after %d calls", got, err, calls)
	}
}

// Names count byte for byte and each once: of two, another reader would take the other one.
func TestT5_AnAnswerThatNamesTwoPeopleNamesNobody(t *testing.T) {
	const other = "17841400000000001"
	one := `"user_id":"` + userID + `","username":"jayposiris","id":"` + appScopedID + `"`
	for _, body := range []string{
		`{"USER_ID":"` + other + `","username":"jayposiris","id":"` + appScopedID + `"}`, `{` + one + `,"user_id":"` + other + `"}`, `{"user_id":"` + other + `",` + one + `}`,
		`{"data":[{` + one + `}],"data":[{"user_id":"` + other + `","username":"j"}]}`, `{"user_id":"` + other + `","username":"j","data":[{` + one + `}]}`, `{"data":[{` + one + `},{` + one + `}]}`,
	} {
		if user, err := serve(t, answer(200, body)).User(t.Context(), instagram.Token{AccessToken: token}); err == nil {
			t.Errorf("%s signs in %s", body, user.ID)
		}
	}
	for _, body := range []string{`{` + one + `,"USER_ID":"` + other + `"}`, `{` + one + `,"uſer_id":"` + other + `","Username":"admin"}`, `{"data":[{` + one + `}],"DATA":[{"user_id":"` + other + `","username":"j"}]}`} {
		if user, err := serve(t, answer(200, body)).User(t.Context(), instagram.Token{AccessToken: token}); err != nil || user.ID != userID || user.Username != "jayposiris" {
			t.Errorf("%s signs in %s, %v", body, user.ID, err)
		}
	}
	for _, body := range []string{`{"access_token":"T","user_id":"1","user_id":"2"}`, `{"access_token":"T","access_token":"U"}`, `{"ACCESS_TOKEN":"T"}`} {
		if got, err := serve(t, answer(200, body)).Exchange(t.Context(), redirectURI, "code"); err == nil {
			t.Errorf("%s gives %v", body, got)
		}
	}
}
