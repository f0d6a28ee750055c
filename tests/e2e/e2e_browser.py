"""A real browser on pages of others: what it lets them send, and what the service does with it.
Debian's chromium, without a window; names are led to this machine by --host-resolver-rules, which
is what DNS rebinding does. Skipped, with the reason, where there is no chromium. Standard library
only. VECMILL names the program.
"""

import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import PATIENCE, Service, check, run_tests, wait_until

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")

# Tries each request in turn, then hands what came of each to /report of the page's own server.
PAGE = """<!doctype html><meta charset="utf-8"><script>
const tries = %s;
(async () => {
  const done = {};
  for (const [name, url, options, script] of tries) {
    try {
      const answer = await fetch(url, options);
      done[name] = [answer.status, answer.type, (await answer.text()).slice(0, 300)];
    } catch (error) {
      done[name] = [0, "blocked", String(error)];
    }
  }
  for (const [name, url] of %s) {  // a form, and the same from a frame without an origin
    const frame = document.createElement("iframe");
    if (name == "sandboxed") frame.sandbox = "allow-scripts allow-forms";
    frame.srcdoc = `<form method=post enctype=text/plain action="${url}"><input name='{"a":"'
      value='"}'></form><script>document.forms[0].submit()</` + `script>`;
    document.documentElement.append(frame);
  }
  await fetch("/report", {method: "POST", body: JSON.stringify(done)});
})();
</script>"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.server.page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.path == "/" else b"")

    def do_POST(self):
        self.server.report = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.done.set()

    def log_message(self, *parts):
        pass


def browse(host, tries, forms, seen=lambda: True):
    """Opens a page on a server of its own as http://host:PORT and returns what its tries got; the
    browser stays until `seen`, which tells that the forms were sent."""
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    web.page = PAGE % (json.dumps(tries), json.dumps(forms))
    web.report, web.done = None, threading.Event()
    threading.Thread(target=web.serve_forever, daemon=True).start()
    folder = tempfile.mkdtemp(prefix="vecmill-browser-")
    command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-dev-shm-usage", "--disable-background-networking", "--no-proxy-server"]
    command += ["--user-data-dir=" + folder, "--host-resolver-rules=MAP %s 127.0.0.1" % host]
    command += ["http://%s:%d/" % (host, web.server_address[1])]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        check(web.done.wait(PATIENCE), "the page told nothing")
        wait_until(seen, lambda: "a form was not sent")
        return web.report
    finally:
        browser.kill()
        browser.communicate()
        web.shutdown()
        web.server_close()
        shutil.rmtree(folder, ignore_errors=True)


def json_post(url, **options):
    headers = {"Content-Type": "application/json"}
    return [url, {"method": "POST", "headers": headers, "body": '{"corpus":"c"}', **options}]


def text_post(url, **options):
    return [url, {"method": "POST", "body": '{"corpus":"c","model":"stolen"}', **options}]


def lines(server, path):
    """Statuses in the log of requests of a path."""
    found = []
    for line in server.lines:
        entry = json.loads(line)
        if entry.get("path") == path:
            found.append(entry["status"])
    return found


def test_foreign_page():
    """A page of another site, and of another port of this machine: nothing is changed or read."""
    for host in ("evil.example", "localhost"):
        with Service() as server:
            base = "http://localhost:%d" % server.port
            tries = [
                ["read"] + [base + "/v1/settings", {}],
                ["json"] + json_post(base + "/v1/jobs?json"),
                ["text"] + text_post(base + "/v1/jobs?text"),
                ["opaque"] + text_post(base + "/v1/jobs?opaque", mode="no-cors"),
                ["delete", base + "/v1/corpora/c", {"method": "DELETE"}],
            ]
            forms = [["form", base + "/v1/jobs?form"], ["sandboxed", base + "/v1/jobs?sandboxed"]]
            server.put("/v1/corpora/c", "a b c d\n" * 100)
            sent = lambda: all(lines(server, "/v1/jobs?" + name) for name, _ in forms)
            report = browse(host, tries, forms, sent)
            for name in ("read", "json", "text", "delete"):
                check(report[name][1] == "blocked", host, name, report[name])
            for name in ("opaque", "form", "sandboxed", "text"):
                got = lines(server, "/v1/jobs?" + name)
                check(got and set(got) <= {403}, host, name, got, server.log())
            check(server.get("/v1/corpora/c").status == 200, "deleted by a page")
            check(server.get("/v1/jobs").json["data"] == [], "a page began a job")
            check(server.stop() == 0, "stop")


def test_rebinding():
    """A name of another leads to the service, as after its owner has changed where it leads."""
    with Service() as server:
        base = "http://evil.example:%d" % server.port
        tries = [["read", base + "/v1/settings", {"mode": "no-cors"}]]
        tries += [["text"] + text_post(base + "/v1/jobs?text", mode="no-cors")]
        sent = lambda: lines(server, "/v1/settings") and lines(server, "/v1/jobs?text")
        browse("evil.example", tries, [], sent)
        check(set(lines(server, "/v1/settings")) == {421}, server.log())
        check(set(lines(server, "/v1/jobs?text")) == {421}, server.log())
        check(server.get("/v1/jobs").json["data"] == [], "a page began a job")
        check(server.stop() == 0, "stop")


def test_allowed_page():
    """An origin of allowed_origins may read and change, preflights included."""
    with Service("--allowed-origins", "*") as server:
        base = "http://127.0.0.1:%d" % server.port
        server.put("/v1/corpora/c", "a b c d\n" * 100)
        tries = [
            ["read", base + "/v1/settings", {}],
            ["json"] + json_post(base + "/v1/jobs"),
            ["delete", base + "/v1/corpora/c", {"method": "DELETE"}],
        ]
        sent = lambda: lines(server, "/v1/jobs?s")
        report = browse("studio.example", tries, [["sandboxed", base + "/v1/jobs?s"]], sent)
        check(report["read"][0] == 200 and "dim" in report["read"][2], report)
        check(report["json"][0] == 422, report)
        check(report["delete"][0] == 204, report)
        check(set(lines(server, "/v1/jobs?s")) == {403}, server.log())
        check(server.stop() == 0, "stop")


def main():
    if not BROWSER:
        print("SKIPPED: there is no chromium (scripts/install-packages test)")
        return 77
    return run_tests([test_foreign_page, test_rebinding, test_allowed_page])


if __name__ == "__main__":
    sys.exit(main())
