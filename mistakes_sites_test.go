package instagramauth_test

// usualBlock is the block in mistakeFile.
const usualBlock = "\tinstagram_auth /members* {\n\t\tapp_id {id}\n\t\tapp_secret {env.TEST_SECRET}\n\t\tredirect_uri https://example.test/auth/\n\t\tendpoints {endpoints}\n\t\tsession {\n\t\t\tsecret {session}\n\t\t}\n\t}\n"

// mistakenSites are sites around a block that is right.
var mistakenSites = []mistake{
	{changes: []string{usualBlock, usualBlock + usualBlock}, says: "redirect_uri: https://example.test/auth/ on example.test belongs to another instagram_auth block of the same server; give each block its own"},
	{changes: []string{"http://example.test:{port} {\n" + usualBlock, "(login) {\n" + usualBlock + "}\nhttp://example.test:{port} {\nimport login\nimport login\n"}, says: "redirect_uri: https://example.test/auth/ on example.test belongs to another instagram_auth block of the same server; give each block its own"},
	{changes: []string{usualBlock, usualBlock + "\tinstagram_auth /other* {\n\t\tapp_id {id}\n\t\tapp_secret {env.TEST_SECRET}\n\t\tredirect_uri https://example.test/auth/\n\t\tendpoints {endpoints}\n\t}\n"}, says: "redirect_uri: https://example.test/auth/ on example.test belongs to another instagram_auth block of the same server; give each block its own"},
	{changes: []string{usualBlock, usualBlock + "\tinstagram_auth /other* {\n\t\tapp_id {id}\n\t\tapp_secret {env.TEST_SECRET}\n\t\tredirect_uri https://example.test/other/\n\t\tpath_prefix /other/login\n\t\tendpoints {endpoints}\n\t}\n"}, says: "session cookie: __Host-Http-instagram_auth on example.test belongs to another instagram_auth block of the same server; give each block its own"},
	{changes: []string{"http://example.test:{port} {", "http://other.test:{port} {"}, says: "redirect_uri: \"https://example.test/auth/\" is not an address of this site, which is other.test; give the site that host, or write an address of the site"},
	{changes: []string{"http://example.test:{port} {", "http://www.example.test:{port} {"}, says: "redirect_uri: \"https://example.test/auth/\" is not an address of this site, which is www.example.test; give the site that host, or write an address of the site"},
	{changes: []string{"http://example.test:{port} {", "http://example.test:{port}, http://www.example.test:{port} {"}, says: "WARN: nobody can sign in on www.example.test, which has no redirect_uri: its visitors are sent to https://example.test"},
	{changes: []string{"http://example.test:{port} {", "http://*.test:{port} {"}, says: "WARN: of *.test, visitors can sign in on example.test alone: those of the others are sent there"},
	{changes: []string{"http://example.test:{port} {", "http://example.test:{port}/members {"}, says: "ERROR: https://example.test/auth/ is not served by the site of this block"},
	{changes: []string{"http://example.test:{port} {", "http://example.test:{port}{"}, says: "Site addresses cannot end with a curly brace: 'http://example.test:{port}{' - put a space between the token and the brace", doctor: "✗ load: a space is missing before {"},
	{changes: []string{"\trespond hello", "\thandle {\n\trespond hello\n\t}", usualBlock, "\thandle /members* {\n" + usualBlock + "\trespond members\n\t}\n"}, says: "ERROR: https://example.test/auth/ is answered by respond before it reaches this block"},
	{changes: []string{usualBlock, "\troute {\n\trespond /members* hi\n" + usualBlock + "\t}\n"}, says: "ERROR: /members* is NOT protected: respond answers first"},
	{changes: []string{"\tadmin off\n", "\tadmin off\n\torder instagram_auth last\n"}, says: "ERROR: https://example.test/auth/ is answered by respond before it reaches this block"},
	{changes: []string{"\tadmin off\n", "\tadmin off\n\torder instagram_auth after respond\n"}, says: "ERROR: https://example.test/auth/ is answered by respond before it reaches this block"},
	{changes: []string{usualBlock, "\thandle_errors {\n" + usualBlock + "\t}\n"}, says: "ERROR: https://example.test/auth/ is answered by respond before it reaches this block"},
	{changes: []string{usualBlock, usualBlock + "\tredir /auth/ /elsewhere\n"}, says: "ERROR: https://example.test/auth/ is answered by redir before it reaches this block"},
	{changes: []string{usualBlock, usualBlock + "\ttry_files {path} =404\n"}, says: "ERROR: https://example.test/auth/ is answered by try_files before it reaches this block"},
	{changes: []string{usualBlock, "\theader X-User {http.auth.user.id}\n" + usualBlock}, says: "ERROR: {http.auth.user.…} has no value in headers, which comes before this block"},
	{changes: []string{usualBlock, usualBlock + "\trequest_body {\n\t\tmax_size 10\n\t}\n"}, says: "ERROR: https://example.test/instagram_auth/deauthorize is answered by request_body before it reaches this block"},
	{changes: []string{usualBlock, usualBlock + "\tbasic_auth {\n\t\tbob $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n\t}\n"}, says: "WARN: nobody can tell from here whether https://example.test/auth/ reaches this block: basic_auth comes before it"},
	{changes: []string{usualBlock, "\theader >Set-Cookie (.*) \"$1; SameSite=Strict\"\n" + usualBlock}, says: "ERROR: header rewrites Set-Cookie to SameSite=Strict: the browser does not send the login cookie when it comes back from Instagram, and nobody can sign in"},
	{changes: []string{usualBlock, "\theader {\n\t\tSet-Cookie (.*) \"$1; SameSite=Strict\"\n\t\tdefer\n\t}\n" + usualBlock}, says: "ERROR: header rewrites Set-Cookie to SameSite=Strict: the browser does not send the login cookie when it comes back from Instagram, and nobody can sign in"},
	{changes: []string{usualBlock, "\theader >Set-Cookie (.*) \"$1; SameSite=None; Secure\"\n" + usualBlock}, says: "WARN: header rewrites Set-Cookie to SameSite=None: pages of other sites can act with a visitor's session"},
	{changes: []string{usualBlock, "\theader >Set-Cookie (.*) \"$1; Domain=.example.test\"\n" + usualBlock}, says: "ERROR: header adds a Domain to Set-Cookie: browsers refuse that for cookies of the prefix __Host-, and nobody can sign in"},
	{changes: []string{usualBlock, "\theader >Set-Cookie \"; Secure\" \"\"\n" + usualBlock}, says: "ERROR: header takes Secure out of Set-Cookie: browsers refuse that for cookies of the prefix __Host-, and nobody can sign in"},
	{changes: []string{usualBlock, "\theader -Set-Cookie\n" + usualBlock}, says: "ERROR: header takes Set-Cookie away from responses: the browser gets no login cookie, and nobody can sign in"},
	{changes: []string{usualBlock, "\theader >Set-Cookie \"a=b; Path=/; HttpOnly\"\n" + usualBlock}, says: "ERROR: header takes Set-Cookie away from responses: the browser gets no login cookie, and nobody can sign in"},
	{changes: []string{usualBlock, "\theader >Set-Cookie \"Path=/\" \"Path=/members\"\n" + usualBlock}, says: "ERROR: header changes the Path in Set-Cookie: browsers refuse that for cookies of the prefix __Host-, and nobody can sign in"},
	{changes: []string{usualBlock, "\theader >Set-Cookie HttpOnly \"\"\n" + usualBlock}, says: "ERROR: header takes HttpOnly out of Set-Cookie: browsers refuse that for cookies of the prefix __Host-Http-, and nobody can sign in"},
	{changes: []string{"http://example.test:{port} {\n", "http://front.test:{port} {\n\treverse_proxy localhost:{port} {\n\t\theader_down Set-Cookie (.*) \"$1; SameSite=Strict\"\n\t}\n}\nhttp://example.test:{port} {\n"}, says: "ERROR: header_down of the reverse_proxy to :{port} rewrites Set-Cookie to SameSite=Strict: the browser does not send the login cookie when it comes back from Instagram, and nobody can sign in"},
	{changes: []string{"\t\tapp_id {id}\n", "\t\tapi basic_display\n\t\tapp_id {id}\n", "\t\tendpoints {endpoints}\n", ""}, says: "ERROR: Meta switched basic_display off on 2024-12-04", offline: true},
	{changes: []string{"\t\tapp_id {id}\n", "\t\terrors handle\n\t\tapp_id {id}\n"}, says: "ERROR: errors handle is set, but no handle_errors answers: visitors see an empty page"},
	{changes: []string{"instagram_auth /members* {", "instagram_auth /members?x {\nstrict_config"}, says: "strict_config: /members?x matches no address: a path ends before the question mark; match the query with the matcher query", doctor: "✗ matcher: /members?x matches no address"},
}
