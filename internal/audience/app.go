package audience

import (
	"net/http"
	"net/url"
	"strings"
)

// Apps open links in a browser of their own, whose cookies no other browser of the device has. A
// sign-in that begins in one of them and ends in another comes back without its cookie.

// App is the app in whose own browser a visitor is. A client can claim any app, so it decides what
// a page says and nothing else.
type App uint8

// The apps. A sealed state holds their numbers: new ones go to the end.
const (
	NoApp App = iota // a browser, or a program
	Instagram
	Threads
	Facebook
	Messenger
	TikTok // and other apps of ByteDance
	Snapchat
	LinkedIn
	Twitter
	Pinterest
	WeChat
	Line
	Telegram
	KakaoTalk
	OtherApp // an Android app that this list does not know
	apps     = iota
)

// appNames are the labels of the metric.
var appNames = [apps]string{
	"none", "instagram", "threads", "facebook", "messenger", "tiktok", "snapchat", "linkedin", "twitter", "pinterest",
	"wechat", "line", "telegram", "kakaotalk", "other",
}

// String returns the name of an app in metrics, `none` for NoApp.
func (a App) String() string {
	if a >= apps {
		return appNames[OtherApp]
	}
	return appNames[a]
}

// Apps returns all apps but NoApp.
func Apps() (all []App) {
	for a := NoApp + 1; a < apps; a++ {
		all = append(all, a)
	}
	return all
}

// maxUserAgent is how many bytes of User-Agent are read. Browsers send at most some hundreds.
const maxUserAgent = 1024

// appMarks are what the apps add to User-Agent. The first one that is found decides: Messenger also
// has the mark of Facebook, and most of those on Android have that of any app. Each mark is longer
// than the app's name, which crawlers and previews of the same company have, too.
var appMarks = []struct {
	mark string
	app  App
}{
	{" Barcelona ", Threads}, // its code name
	{" Instagram ", Instagram},
	{"FBAN/Messenger", Messenger},
	{"FB_IAB/Orca", Messenger},
	{"FB_IAB/MESSENGER", Messenger},
	{"FBAN/", Facebook},
	{"FBAV/", Facebook},
	{"FB_IAB/", Facebook},
	{"musical_ly_", TikTok},
	{"trill_", TikTok},
	{"BytedanceWebview/", TikTok},
	{"Snapchat/", Snapchat},
	{"[LinkedInApp]", LinkedIn},
	{" LinkedInApp/", LinkedIn},
	{"Twitter for iP", Twitter}, // iPhone, iPad
	{"TwitterAndroid", Twitter},
	{"[Pinterest/", Pinterest},
	{"MicroMessenger/", WeChat},
	{" Line/", Line},
	{"Telegram-Android/", Telegram},
	{" KAKAOTALK", KakaoTalk},
	{"; wv)", OtherApp}, // how the WebView of Android names itself
}

// AppOf returns the app in whose browser a request was made.
func AppOf(r *http.Request) App {
	agent := userAgent(r)
	if !strings.HasPrefix(agent, "Mozilla/5.0 (") {
		return NoApp // the app itself, a crawler or a program
	}
	for _, m := range appMarks {
		if strings.Contains(agent, m.mark) {
			return m.app
		}
	}
	return NoApp
}

// userAgent returns what is read of the header.
func userAgent(r *http.Request) string {
	agent := r.Header.Get("User-Agent")
	return agent[:min(len(agent), maxUserAgent)]
}

// OpenElsewhere returns an address that makes the app of a request open a page in the browser of
// the device, "" if none is known. page is an absolute address that a browser understands. A phone
// may ignore the answer: no app documents such an address, and some have closed the way before.
func OpenElsewhere(r *http.Request, page string) string {
	rest, secure := strings.CutPrefix(page, "https://")
	app := AppOf(r)
	if app == NoApp || !secure {
		return ""
	}
	// A fragment would end the page's part of an intent, and what follows would be orders to
	// Android.
	rest, _, _ = strings.Cut(rest, "#")
	system, _, _ := strings.Cut(userAgent(r)[len("Mozilla/5.0 ("):], ")")
	switch {
	case app == Instagram:
		return "instagram://extbrowser/?url=" + url.QueryEscape("https://"+rest)
	case strings.Contains(system, "Android"):
		return "intent://" + escapeRest(rest) + "#Intent;scheme=https;end"
	case strings.HasPrefix(system, "iPhone;"), strings.HasPrefix(system, "iPad;"):
		return "x-safari-https://" + escapeRest(rest)
	}
	return ""
}

// escapeRest escapes what does not belong into an address, as browsers do with a link.
func escapeRest(rest string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(rest) {
		if c <= ' ' || c > '~' || strings.IndexByte(`"#<>\^`+"`{|}", c) >= 0 {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
