package audience

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const (
	iOS     = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
	android = "Mozilla/5.0 (Linux; Android 14; SM-A546E Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.6478.134 Mobile Safari/537.36"
)

func requestFrom(agent string) *http.Request {
	return &http.Request{Header: http.Header{"User-Agent": {agent}}}
}

// The agents with a source come from public reports and logs of other people. Those without one are
// put together from the parts that such reports name.
func TestTheBrowserOfAnAppIsRecognized(t *testing.T) {
	for _, c := range []struct {
		source, agent string
		want          App
	}{
		{"bowser-js/bowser #140, an error log of 2018", "Mozilla/5.0 (iPhone; CPU iPhone OS 12_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/16B92 Instagram 70.1.0.15.98 (iPhone10,2; iOS 12_1; en_US; en-US; scale=2.61; gamut=wide; 1080x1920; 130350235)", Instagram},
		{"shalanah/inapp-debugger #22, of 2026; it also claims to be Safari", "Mozilla/5.0 (iPhone; CPU iPhone OS 26_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/23E254 Instagram 424.1.0.31.54 (iPhone18,4; iOS 26_4_1; en_GB; en-GB; scale=3.00; 1260x2736; IABMV/1; 933996394) NW/3 Safari/604.1", Instagram},
		{"the sessions table of a site, of 2022", "Mozilla/5.0 (Linux; Android 9; Redmi Note 5 Build/PKQ1.180904.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/97.0.4692.98 Mobile Safari/537.36 Instagram 219.0.0.12.117 Android (28/9; 440dpi; 1080x2030; Xiaomi/xiaomi; Redmi Note 5; whyred; qcom; in_ID; 346138354)", Instagram},
		{"the sessions table of a site, of 2025", "Mozilla/5.0 (Linux; Android 14; V2207 Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/143.0.7499.114 Mobile Safari/537.36 Instagram 410.1.0.63.71 Android (34/14; 300dpi; 720x1489; vivo; V2207; V2207; mt6768; in_ID; 846519340; IABMV/1)", Instagram},
		{"a public test of another project", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Barcelona 349.0.0.21.106 (iPhone15,2; iOS 17_6; fr_FR; fr; scale=3.00; 1179x2556; 635000000)", Threads},
		{"", android + " Barcelona 289.0.0.77.109 Android (34/14; 450dpi; 1080x2125; samsung; SM-A546E; a54x; s5e8835; en_GB; 500160586)", Threads},
		{"mobiforge.com on user agents of WebViews", "Mozilla/5.0 (Linux; Android 4.4.4; One Build/KTU84L.H4) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/33.0.0.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/28.0.0.20.16;]", Facebook},
		{"mobiforge.com, the same", "Mozilla/5.0 (iPhone; CPU iPhone OS 8_2 like Mac OS X) AppleWebKit/600.1.4 (KHTML, like Gecko) Mobile/12D508 [FBAN/FBIOS;FBAV/27.0.0.10.12;FBBV/8291884;FBDV/iPhone7,1;FBMD/iPhone;FBSN/iPhone OS;FBSV/8.2;FBSS/3; FBCR/vodafoneIE;FBID/phone;FBLC/en_US;FBOP/5]", Facebook},
		{"the access log of a site, of 2017", "Mozilla/5.0 (iPhone; CPU iPhone OS 10_3_2 like Mac OS X) AppleWebKit/603.2.4 (KHTML, like Gecko) Mobile/14F89 [FBAN/MessengerForiOS;FBAV/129.0.0.44.91;FBBV/66845013;FBDV/iPhone9,1;FBMD/iPhone;FBSN/iOS;FBSV/10.3.2;FBSS/2;FBCR/Carrier;FBID/phone;FBLC/en_US;FBOP/5;FBRV/0]", Messenger},
		{"a public list of agents", "Mozilla/5.0 (Linux; Android 12; M2101K7BG Build/SP1A.210812.016; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/106.0.5249.126 Mobile Safari/537.36 [FB_IAB/Orca-Android;FBAV/390.2.0.29.103;]", Messenger},
		{"f2etw/detect-inapp #35", "Mozilla/5.0 (Linux; Android 12; Pixel 3 Build/SP1A.210812.015; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/96.0.4664.104 Mobile Safari/537.36  trill_2022206050 JsSdk/1.0 NetType/WIFI Channel/googleplay AppName/musical_ly app_version/22.6.5 ByteLocale/en ByteFullLocale/en Region/US BytedanceWebview/d8a21c6", TikTok},
		{"nielsbasjes/yauaa #1603, without the mark of a WebView", "Mozilla/5.0 (Linux; Android 14; SM-S901U Build/UP1A.231005.007; ) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.6478.134 Mobile Safari/537.36 musical_ly_2023507030 JsSdk/1.0 NetType/WIFI Channel/googleplay AppName/musical_ly app_version/35.7.3 ByteLocale/en ByteFullLocale/en Region/US AppId/1233 Spark/1.5.9.5-bugfix AppVersion/35.7.3 BytedanceWebview/d8a21c6", TikTok},
		{"faisalman/ua-parser-js #817", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari/604.1 trill_43.0.0 BytedanceWebview/d8a21c6", TikTok},
		{"matomo-org/device-detector #7913, Douyin", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 aweme_31.9.0 Region/CN AppTheme/light NetType/WIFI JsSdk/2.0 Channel/App ByteLocale/zh ByteFullLocale/zh-Hans-CN WKWebView/1 Bullet/1 aweme/31.9.0 BulletTag/C4F7B8CE-DCC0-492D-934F-923A3909D158 BytedanceWebview/d8a21c6 FalconTag/D8105CFD-2385-4C85-AB6C-7A3DF31B9ACE", TikTok},
		{"a public list of agents; it also has a version as Safari has", "Mozilla/5.0 (iPhone; CPU iPhone OS 15_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.3 Mobile/15E148 Snapchat/11.64.0.38 (like Safari/8612.4.9.0.3, panda)", Snapchat},
		{"a public list of agents; nothing stands in front of the mark", "Mozilla/5.0 (Linux; Android 11; SM-G970U Build/RP1A.200720.012; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/88.0.4324.93 Mobile Safari/537.36Snapchat/11.17.0.34", Snapchat},
		{"serbanghita/Mobile-Detect #832", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [LinkedInApp]", LinkedIn},
		{"an error report in a public repository, of 2026", iOS + "Mobile/15E148 [LinkedInApp]/9.32.2485", LinkedIn},
		{"matomo-org/device-detector #6170", "Mozilla/5.0 (iPhone; CPU iPhone OS 9_3_2 like Mac OS X) AppleWebKit/601.1.46 (KHTML, like Gecko) Mobile/13F69 Twitter for iPhone", Twitter},
		{"the log of a server, of 2024", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21G93 Twitter for iPhone/10.64.1", Twitter},
		{"", android + " TwitterAndroid", Twitter},
		{"a public list of agents", "Mozilla/5.0 (iPad; CPU OS 8_4_1 like Mac OS X) AppleWebKit/600.1.4 (KHTML, like Gecko) Mobile/12H321 [Pinterest/iOS]", Pinterest},
		{"", android + " [Pinterest/Android]", Pinterest},
		{"", iOS + "Mobile/15E148 MicroMessenger/8.0.50(0x18003230) NetType/WIFI Language/zh_CN", WeChat},
		{"a public list of agents", "Mozilla/5.0 (iPhone; CPU iPhone OS 10_2_1 like Mac OS X) AppleWebKit/602.4.6 (KHTML, like Gecko) Mobile/14D27 Safari Line/7.3.2", Line},
		{"the code of a client, of 2025", "Mozilla/5.0 (Linux; Android 7.1.2; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.6045.193 Mobile Safari/537.36 Telegram-Android/11.4.3 (Samsung SM-G965N; Android 7.1.2; SDK 25; LOW)", Telegram},
		{"a public test of another project", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 KAKAOTALK 25.8.0", KakaoTalk},
		{"Google's page about the WebView", "Mozilla/5.0 (Linux; Android 5.1.1; Nexus 5 Build/LMY48B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/43.0.2357.65 Mobile Safari/537.36", OtherApp},

		{"Safari", iOS + "Version/18.7 Mobile/15E148 Safari/604.1", NoApp},
		{"Chrome on iOS", iOS + "CriOS/140.0.7339.122 Mobile/15E148 Safari/604.1", NoApp},
		{"Firefox on iOS", iOS + "FxiOS/143.0 Mobile/15E148 Safari/605.1.15", NoApp},
		{"Google's app on iOS", iOS + "GSA/61.0.217752169 Mobile/16A404 Safari/604.1", NoApp},
		{"Chrome on Android, also in a tab of an app, with the cookies of Chrome", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36", NoApp},
		{"Samsung Internet", "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36", NoApp},
		{"Firefox on Android", "Mozilla/5.0 (Android 14; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0", NoApp},
		{"Firefox", "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", NoApp},
		{"Edge", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", NoApp},
		{"Safari on a Mac", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15", NoApp},
		{"Opera on Android", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile Safari/537.36 OPR/91.0.0.0", NoApp},
		{"Googlebot", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", NoApp},
		{"Googlebot for phones", "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.7339.80 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", NoApp},
		{"the preview of Facebook", "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", NoApp},
		{"the preview of Twitter", "Twitterbot/1.0", NoApp},
		{"the crawler of Pinterest", "Mozilla/5.0 (compatible; Pinterestbot/1.0; +http://www.pinterest.com/bot.html)", NoApp},
		{"the preview of LinkedIn", "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)", NoApp},
		{"the preview of Telegram", "TelegramBot (like TwitterBot)", NoApp},
		{"the preview of Snapchat", "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/26.0.1410.64 Safari/537.36 (Snap URL Preview Service; bot; snapchat)", NoApp},
		{"the crawler of ByteDance", "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; Bytespider; spider-feedback@bytedance.com)", NoApp},
		{"the app itself, not its browser", "Instagram 275.0.0.27.98 Android (33/13; 420dpi; 1080x2400; samsung; SM-G991B; o1s; exynos2100; en_GB; 458229237)", NoApp},
		{"a program", "curl/8.14.1", NoApp},
		{"nothing", "", NoApp},
		{"a mark behind 1 KB", "Mozilla/5.0 (" + strings.Repeat("x", 1011) + " Instagram 1", NoApp},
		{"a mark within 1 KB", "Mozilla/5.0 (" + strings.Repeat("x", 1000) + " Instagram 1", Instagram},
	} {
		if got := AppOf(requestFrom(c.agent)); got != c.want {
			t.Errorf("%s is of %s, want %s: %s", c.source, got, c.want, c.agent)
		}
	}
	if AppOf(new(http.Request)) != NoApp {
		t.Error("a request without the header has an app")
	}
}

func TestEveryAppHasAName(t *testing.T) {
	names := []string{NoApp.String()}
	for _, a := range Apps() {
		if name := a.String(); name == "" || slices.Contains(names, name) {
			t.Errorf("%d is %q", a, name)
		} else {
			names = append(names, name)
		}
	}
	if len(names) != int(apps) || App(255).String() != "other" {
		t.Errorf("%d apps, and an unknown one is %s", len(names), App(255))
	}
}

func TestE2_AnAppIsAskedForOnePageAndNothingElse(t *testing.T) {
	const instagramApp = "Mobile/15E148 Instagram 424.1.0.31.54 (iPhone18,4)"
	for _, c := range []struct{ agent, page, want string }{
		{iOS + instagramApp, "https://example.com/a?b=c&d=e%20f", "instagram://extbrowser/?url=https%3A%2F%2Fexample.com%2Fa%3Fb%3Dc%26d%3De%2520f"},
		{iOS + instagramApp, "https://example.com/#Intent;end", "instagram://extbrowser/?url=https%3A%2F%2Fexample.com%2F"},
		{android + " Instagram 410.1.0.63.71 Android", "https://example.com/", "instagram://extbrowser/?url=https%3A%2F%2Fexample.com%2F"},
		{android + " [FB_IAB/FB4A;FBAV/480.0;]", "https://example.com/a;b=c?d", "intent://example.com/a;b=c?d#Intent;scheme=https;end"},
		{android, "https://example.com:8443/", "intent://example.com:8443/#Intent;scheme=https;end"},
		{android, "https://example.com/#Intent;package=com.evil;end", "intent://example.com/#Intent;scheme=https;end"},
		{android, "https://example.com/%23Intent;package=com.evil;end", "intent://example.com/%23Intent;package=com.evil;end#Intent;scheme=https;end"},
		{android, "https://example.com/a\"<b>\\^`{|}\r\n\x00é ", "intent://example.com/a%22%3Cb%3E%5C%5E%60%7B%7C%7D%0D%0A%00%C3%A9%20#Intent;scheme=https;end"},
		{iOS + "Mobile/15E148 [LinkedInApp]/9.32.2485", "https://example.com/a?b#c", "x-safari-https://example.com/a?b"},
		{"Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) MicroMessenger/7.0 WindowsWechat iPhone; Android", "https://example.com/", ""},
		{android, "http://localhost:8080/", ""}, {android, "//example.com/", ""}, {android, "javascript:alert(1)", ""}, {android, "", ""},
		{iOS + "Version/18.7 Mobile/15E148 Safari/604.1", "https://example.com/", ""},
		{"Mozilla/5.0 (; wv)", "https://example.com/", ""},
	} {
		if got := OpenElsewhere(requestFrom(c.agent), c.page); got != c.want {
			t.Errorf("%s\nof %s\n  is %s\nwant %s", c.page, c.agent, got, c.want)
		}
	}
}

// Android reads an intent from its last number sign on, so an address with one of its own would
// give orders.
func FuzzE2_OpenElsewhere(f *testing.F) {
	for _, rest := range []string{"/", "/a?b", "/#Intent;component=a/b;end", "/%23Intent;end", "/a\r\nb", "/\u2028#", "/a'\"><script>", "/a;S.browser_fallback_url=https%3A%2F%2Fevil.example;end"} {
		f.Add(android, rest)
		f.Add(iOS+"Mobile/15E148 Snapchat/11.64.0.38", rest)
		f.Add(iOS+"Mobile/15E148 Instagram 424.1", rest)
	}
	f.Fuzz(func(t *testing.T, agent, rest string) {
		const host = "example.com"
		if !strings.HasPrefix(rest, "/") {
			rest = "/" + rest
		}
		open := OpenElsewhere(requestFrom(agent), "https://"+host+rest)
		var page string
		switch {
		case open == "":
			return
		case strings.HasPrefix(open, "intent://"):
			var ok bool
			if page, ok = strings.CutSuffix(strings.TrimPrefix(open, "intent://"), "#Intent;scheme=https;end"); !ok {
				t.Fatalf("%q has other orders", open)
			}
		case strings.HasPrefix(open, "x-safari-https://"):
			page = strings.TrimPrefix(open, "x-safari-https://")
		case strings.HasPrefix(open, "instagram://extbrowser/?url="):
			inner, err := url.QueryUnescape(strings.TrimPrefix(open, "instagram://extbrowser/?url="))
			if err != nil {
				t.Fatalf("%q: %v", open, err)
			}
			open, page = "", strings.TrimPrefix(inner, "https://")
		default:
			t.Fatalf("%q is of no app", open)
		}
		if !strings.HasPrefix(page, host+"/") || strings.Contains(page, "#") || strings.ContainsAny(open, "\r\n\"<> \x00") {
			t.Errorf("%q of %q", open, rest)
		}
	})
}
