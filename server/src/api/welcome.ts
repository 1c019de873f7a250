/** What a browser finds at `/` until the console is there. It holds no data. */
export const WELCOME_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Picket</title>
<h1>Picket is running</h1>
<p>The web console is not here yet. Until it is, these are the ways in:</p>
<ul>
<li><a href="/readyz">/readyz</a>: what is wrong at present, if anything</li>
<li><a href="/metrics">/metrics</a>: counters for Prometheus</li>
<li><a href="/api/v1/openapi.json">/api/v1/openapi.json</a>: the description of the API</li>
<li>On this machine: <code>picket alert list</code>, <code>picket search recent</code>,
<code>picket deadletter list</code></li>
</ul>
</html>
`
