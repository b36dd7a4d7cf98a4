package instagram_test

import (
	"strings"
	"testing"
)

// What the fuzzer begins with: the answers of the facts page, shapes that people have reported
// in public, with values of our own, and what is odd about JSON.

var tokenSeeds = []string{
	`{"access_token":"T","user_id":17841405793187218}`, `{"access_token":"IGAAtoken","user_id":25025320793187218,"permissions":["instagram_business_basic"]}`,
	`{"data":[{"access_token":"EAACEd","user_id":"102030","permissions":"instagram_business_basic,instagram_business_manage_comments"}]}`, `{"data":[{"access_token":"T","user_id":25025320793187218,"permissions":["instagram_business_basic","x"]}]}`,
	`{"access_token":"T","token_type":"bearer","expires_in":5183944}`, `{"access_token":"T","token_type":"bearer","expires_in":5183944,"permissions":"instagram_business_basic","user_id":1}`,
	// The old API's, and other people's.
	`{"access_token":"203185932.b469ae0.a662","user":{"username":"j","id":"203185932"}}`, `{"access_token":"T","user_id":"1","permissions":""}`, `{"access_token":"T","user_id":1,"permissions":null}`, `{"data":{"access_token":"T"}}`,
	`{"data":[{"data":[]}]}`, `{"data":[]}`, `{"data":null,"access_token":"T"}`, `{"data":[null]}`, `{"data":[{"access_token":"T"},{"access_token":"U"}]}`, `{`, `{}`, `null`, `[]`, "\ufeff{}", `{"access_token":"\u0000"}`, `{"access_token":"\u00e4"}`,
	`{"user_id":1e999,"access_token":"T"}`, `{"access_token":"T","user_id":17841405793187218.0}`, `{"access_token":"T","user_id":"1\u0032"}`, `{"access_token":"T","user_id":-1}`, `{"access_token":"T","user_id":0}`, `{"access_token":"T"}{"access_token":"U"}`,
	`{"access_token":"T","expires_in":1e300}`, `{"access_token":"T","expires_in":"-1"}`, `{"access_token":"T","expires_in":0.5}`, `{"access_token":"T","expires_in":" 5 "}`, `{"access_token":"T","expires_in":1e400}`, `{"access_token":"T","user_id":"0000000000000000000000000000000012"}`,
	`{"ACCESS_TOKEN":"T","USER_ID":1,"user_id":2}`, `{"acce\u017fs_token":"T"}`, `{"access_token":"T","access_token":"U"}`, `{"user_id":1,"user_id":null,"access_token":"T"}`, `{"permissions":"user_media","permissions":"user_profile","access_token":"T"}`,
	`{"access_token":["T"],"user_id":{}}`, `{"access_token":"TOKEN","x":"SECRET CODE"}`, `{"access_token":"T\nTOKEN CODE SCUT"}`, `{"token":"TOKEN","code":"CODE"}`, `{"access_token":"T","permissions":["user_media",null]}`, `{"access_token":"T","permissions":[1]}`,
}

var nodeSeeds = []string{
	`{"id":"17841405793187218","username":"jayposiris"}`, `{"user_id":"17841405793187218","username":"jayposiris","id":"25025320793187218"}`, `{"data":[{"user_id":"17841405793187218","username":"jayposiris"}]}`,
	`{"user_id":17841405793187218,"username":"j","id":"25025320793187218","account_type":"Media_Creator","media_count":3,"name":"x"}`, `{"id":"25025320793187218"}`, `{"data":[{"id":"25025320793187218"}]}`, `{"id":"25025320793187218","username":"j"}`,
	`{"id":"9876543210123456","username":"j","account_type":"BUSINESS","media_count":0}`, `{"username":"j"}`, `{"user_id":"17841405793187218","username":"j","name":null,"media_count":[]}`,
	`{"data":[{"id":"1"},{"id":"2"}]}`, `{"data":{"id":"1"}}`, `{"user_id":"1","username":"j","media_count":1e400,"name":true}`, `{"user_id":null,"username":"j","id":"25025320793187218"}`, `{"user_id":"","username":"j"}`, `{}`, `{"id":"1","username":"a b"}`,
	`{"id":"1","username":"j","name":"a\r\nX-Admin: 1","media_count":3}`, `{"id":17841405793187218.0,"username":"j"}`, `{"id":"1","username":"` + strings.Repeat("j", 31) + `"}`, `{"id":"1","username":"j\n"}`, `{"id":"1","username":7}`,
	`{"ID":"1","username":"j"}`, `{"id":"1","id":"2","username":"j"}`, `{"user_id":"17841405793187218","User_ID":"1","username":"j"}`, `{"user_id":"17841405793187218","username":"j","USERNAME":"k"}`, `{"id":"25025320793187218","TOKEN":1}`, `{"id":{"id":1},"username":"j"}`,
	`{"error":{"message":"TOKEN TCUT SECRET","code":10}}`, `{"username":"j","id":"17841405793187218","account_type":1e5}`, `{"media_count":9,"id":"17841405793187218","username":"jayposiris"}`, `{"error":null,"id":"17841405793187218","username":"j"}`, `{"status":"fail","id":"17841405793187218","username":"j"}`,
}

var errorSeeds = []string{
	`{"error":{"message":"Error validating access token: Session has expired on Tuesday, 01-Dec-26 06:00:00 PST.","type":"OAuthException","code":190,"fbtrace_id":"AQxVj9dOeKU"}}`,
	`{"error":{"message":"Invalid OAuth access token - Cannot parse access token","type":"OAuthException","code":190,"error_subcode":463,"is_transient":false,"fbtrace_id":"z"}}`,
	`{"error":{"message":"Unsupported request - method type: get","type":"IGApiException","code":100,"fbtrace_id":"A"}}`, `{"error":{"message":"API access blocked.","type":"OAuthException","code":200}}`, `{"error":{"message":"API access deactivated. To reactivate, go to the app dashboard.","type":"OAuthException","code":200}}`,
	`{"error":{"message":"(#80002) There have been too many calls.","type":"OAuthException","code":80002,"error_subcode":2446079}}`, `{"error":{"message":"(#4) Application request limit reached","type":"OAuthException","is_transient":true,"code":4}}`, `{"error":{"code":17}}`, `{"error":{"code":32}}`, `{"error":{"code":341}}`, `{"error":{"code":613}}`, `{"error":{"code":80014}}`, `{"error":{"code":80015}}`,
	`{"error":{"message":"(#100) Tried accessing nonexisting field (x) on node type (IGUser)","type":"IGApiException","code":100}}`, `{"error":{"message":"Unsupported get request. Object with ID 'me' does not exist","type":"IGApiException","code":100,"error_subcode":33}}`, `{"error":{"code":803}}`, `{"error":{"code":102}}`, `{"error":{"code":368}}`,
	`{"error":{"message":"Unknown path components: \/v26.0\/me","type":"IGApiException","code":2500}}`, `{"error":{"message":"An active access token must be used to query information about the current user.","type":"OAuthException","code":2500}}`, `{"error":{"message":"An access token is required to request this resource.","type":"OAuthException","code":104}}`,
	`{"error":{"message":"(#10) x","code":10}}`, `{"error":{"message":"x","code":3}}`, `{"error":{"message":"x","code":299}}`, `{"error":{"message":"x","code":300}}`, `{"error":{"message":"x","is_transient":true,"code":1}}`, `{"error":{"message":"x","code":2}}`, `{"error":{"message":"Authorization Error","type":"GraphMethodException","code":100,"error_subcode":33,"error_user_title":"x","error_user_msg":"y"}}`,
	`{"error_type":"OAuthException","code":400,"error_message":"Invalid authorization code"}`, `{"code": 403, "error_type": "OAuthForbiddenException", "error_message": "implicit authentication is disabled"}`, `{"error_message":"Invalid scrubbed redirect_uri"}`, `{"meta":{"error_type":"OAuthAccessTokenException","code":400,"error_message":"The access_token provided is invalid."}}`,
	`{"message":"Please wait a few minutes before you try again.","status":"fail"}`, `{"message":"Please wait a few minutes before you try again.","require_login":true,"status":"fail"}`, `{"message":"checkpoint_required","checkpoint_url":"\/challenge\/1\/","lock":false,"status":"fail"}`, `{"message":"feedback_required","spam":true,"feedback_title":"Try Again Later","status":"fail"}`,
	`["Please wait a few minutes"]`, `wait a few minutes`,
	`{"errors":[{"message":"execution error","code":1675002,"severity":"CRITICAL"}],"status":"ok"}`, `{"error":"invalid_grant","error_description":"CODE has expired"}`, `{"error":"access_denied","error_description":"x","code":"4"}`, `{"error":"x"}`, `{"error":""}`, `{"error":[]}`, `{"error":true,"message":"m"}`, `{"error":{}}`, ``, `{"code":"4"}`, `{"hello":"world"}`, `[1]`, `"x"`, `{"error":{"code":4}`,
	`{"error_type":"CODE","error_message":"a CCUT b SECRET c"}`, `{"error":{"message":"TOKEN","type":"SCUT","fbtrace_id":"TCUT"}}`, `{"error_message":"` + strings.Repeat("\u00e4", 150) + `CODE"}`, `{"error_message":"` + strings.Repeat("x", 190) + `SECRET"}`, `{"message":"CODE SECRET","status":"fail"}`,
	`{"error_message":"SSECRET"}`, `{"error_message":"AQBAQBCODECODE"}`, `{"error":{"message":"\r\n\u0000\u2028","code":1e9}}`, `{"error":{"code":99999999999999999999}}`, `{"error_message":"a1b2c3d\u0034e5f60718"}`, `{"error":{"code":"190"}}`, `{"error":{"code":-1,"error_subcode":"2446079"}}`, `{"error":{"code":4,"code":5}}`, `{"ERROR":{"code":4}}`, `{"error":{"message":7,"type":[],"code":{},"is_transient":"true"}}`,
}

var pageSeeds = []string{
	`<!DOCTYPE html><html lang="en" id="facebook"><head><title>Facebook | Error</title><meta charset="utf-8"><style>html, body { color: #141823 }</style></head><body><h1>Sorry, something went wrong.</h1></body></html>`,
	`<html><head><title>Error</title></head><body><p>redirect_uri=x&amp;code=CODE&amp;client_secret=SECRET</p><script>var t = "TOKEN"</script></body></html>`, `<!-- CODE --><p title="SECRET">x`, `<title>CODE</title>`, `<script>CODE`, `upstream connect error or disconnect/reset before headers. reset reason: connection failure`,
	`<p>&#97;&#49;&#98;&#50;&#99;&#51;&#100;&#52;&#101;</p>`, `<`, `<!DOCTYPE`, ` <p>AQBx~5%41</p>`, "<p>\x00\xff\u202e</p>",
}

// seedAnswers adds bodies with the statuses that matter.
func seedAnswers(f *testing.F, bodies []string) {
	for _, body := range append(bodies, errorSeeds...) {
		f.Add(200, body)
	}
	for _, status := range []int{100, 201, 204, 302, 400, 429, 500} {
		f.Add(status, `{"error":{"message":"CODE","type":"TOKEN","code":4,"fbtrace_id":"SECRET"}}`)
		f.Add(status, bodies[0])
	}
}

// seedBodies adds bodies with further values.
func seedBodies(f *testing.F, bodies []string, more ...any) {
	for _, body := range append(bodies, errorSeeds[:6]...) {
		f.Add(append([]any{body}, more...)...)
	}
}
