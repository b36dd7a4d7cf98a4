<?php
// A front controller with three routers: Symfony's, one that parses the address by itself, and one
// that goes by PATH_INFO. X-Routes says what each took the address for.
require "/usr/share/php/Symfony/Component/HttpFoundation/autoload.php";
require "/usr/share/php/Symfony/Component/Routing/autoload.php";

use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\Routing\Exception\ExceptionInterface;
use Symfony\Component\Routing\Matcher\UrlMatcher;
use Symfony\Component\Routing\RequestContext;
use Symfony\Component\Routing\Route;
use Symfony\Component\Routing\RouteCollection;

$routes = new RouteCollection();
foreach (["secret" => "/members", "public" => "/public", "other" => ""] as $name => $prefix) {
    $routes->add($name . "-all", new Route($prefix . "/{rest}", [], ["rest" => ".*"]));
    if ($prefix !== "") {
        $routes->add($name, new Route($prefix));
    }
}

$request = Request::createFromGlobals();
$context = (new RequestContext())->fromRequest($request);
try {
    $found = (new UrlMatcher($routes, $context))->match($request->getPathInfo())["_route"];
    $symfony = explode("-", $found)[0];
} catch (ExceptionInterface $e) {
    $symfony = "none";
}

function route($path)
{
    if (preg_match("~^/members(/|$)~", $path)) {
        return "secret";
    }
    return preg_match("~^/public(/|$)~", $path) ? "public" : "other";
}

$own = parse_url($_SERVER["REQUEST_URI"], PHP_URL_PATH);
$parsed = is_string($own) ? route(rawurldecode($own)) : "none";
$info = isset($_SERVER["PATH_INFO"]) && $_SERVER["PATH_INFO"] !== "" ? route($_SERVER["PATH_INFO"]) : "none";
header("X-Routes: symfony=$symfony parse-url=$parsed path-info=$info");
echo "x";
