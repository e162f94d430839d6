"""The servers that `measure.py` measures: how each is written, started and stopped."""

import http.server
import os
import shutil
import signal
import subprocess
import threading
import time

SLOW_SECONDS = 2.0

NODE = """
const http = require('http');
const server = http.createServer((request, response) => {
  setTimeout(() => response.end('ok'), request.url === '/slow' ? 2000 : 0);
});
server.listen(PORT, '127.0.0.1');
"""
NODE_HANDLER = NODE + "process.on('SIGTERM', () => server.close(() => process.exit(0)));\n"

GO = """package main

import (
	"context"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			time.Sleep(2 * time.Second)
		}
		w.Write([]byte("ok"))
	})
	server := &http.Server{Addr: "127.0.0.1:PORT"}
	if len(os.Args) == 1 {
		server.ListenAndServe()
		return
	}
	go server.ListenAndServe()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	server.Shutdown(context.Background())
}
"""

WSGI = """
import time

def app(environ, start_response):
    if environ['PATH_INFO'] == '/slow':
        time.sleep(2)
    start_response('200 OK', [('Content-Length', '2')])
    return [b'ok']
"""

ASGI = """
import asyncio

async def app(scope, receive, send):
    if scope['type'] != 'http':
        return
    if scope['path'] == '/slow':
        await asyncio.sleep(2)
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', b'2')]})
    await send({'type': 'http.response.body', 'body': b'ok'})
"""

RACK = """
run lambda { |env|
  sleep 2 if env['PATH_INFO'] == '/slow'
  [200, { 'content-length' => '2' }, ['ok']]
}
"""

NGINX = """
daemon off;
worker_processes 2;
pid nginx.pid;
error_log error.log;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:PORT;
    location = /slow { proxy_pass http://127.0.0.1:BACKEND; }
    location / { return 200 ok; }
  }
}
"""

TOMCAT = """<Server port="-1"><Service name="Catalina">
<Connector address="127.0.0.1" port="PORT" protocol="HTTP/1.1" />
<Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps" /></Engine>
</Service></Server>
"""
TOMCAT_WEB = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0">
<servlet><servlet-name>jsp</servlet-name><servlet-class>org.apache.jasper.servlet.JspServlet</servlet-class></servlet>
<servlet><servlet-name>page</servlet-name><jsp-file>/page.jsp</jsp-file></servlet>
<servlet-mapping><servlet-name>jsp</servlet-name><url-pattern>*.jsp</url-pattern></servlet-mapping>
<servlet-mapping><servlet-name>page</servlet-name><url-pattern>/*</url-pattern></servlet-mapping>
</web-app>
"""
TOMCAT_PAGE = '<% if (request.getRequestURI().equals("/slow")) { Thread.sleep(2000); } %>ok'
TOMCAT_HOME = "/usr/share/tomcat10"


class Backend(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A proxy that was stopped hangs up; that is what is measured, not an error."""


class SlowAnswer(http.server.BaseHTTPRequestHandler):
    """What a proxy waits for."""

    def do_GET(self):
        time.sleep(SLOW_SECONDS)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format, *args):
        """Says nothing."""


def slow_backend():
    backend = Backend(("127.0.0.1", 0), SlowAnswer)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    return backend


class Spec:
    """One server: its files, its command and its stop signal."""

    def __init__(self, name, files, command, stop=signal.SIGTERM, version=(), build=(), pid_1=False, **rest):
        self.name, self.files, self.command, self.signal = name, files, command, stop
        self.version_command, self.build, self.pid_1 = version, build, pid_1
        self.needs = rest.get("needs", [command[0]])
        # Another row of the table has the same server with the same idle time-out.
        self.shares_keep_alive = rest.get("shares_keep_alive", False)

    def installed(self):
        needs = self.needs + (["unshare"] if self.pid_1 else [])
        return all(shutil.which(need) or os.path.exists(need) for need in needs)

    def version(self):
        run = subprocess.run(self.version_command, capture_output=True, text=True, timeout=20, check=False)
        lines = (run.stdout + run.stderr).strip().splitlines()
        digits = [word.strip("(),v") for line in lines for word in line.replace("/", " ").replace("go1", "1").split()]
        return next((word for word in digits if word[:1].isdigit() and "." in word), "?")

    def prepare(self, directory, port, backend):
        """Writes the files, builds what has to be built, and gives the command."""
        def fill(text):
            return text.replace("PORT", str(port)).replace("BACKEND", str(backend)).replace("DIRECTORY", directory)

        for name, text in self.files.items():
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(fill(text))
        if self.build:
            built = {**os.environ, "GO111MODULE": "off", "GOCACHE": os.path.join(directory, "cache")}
            subprocess.run(self.build, cwd=directory, check=True, timeout=300, env=built)
        return [fill(word) for word in self.command]


def gunicorn(name, *options):
    command = ["gunicorn", "--bind", "127.0.0.1:PORT", "--chdir", "DIRECTORY", *options, "app:app"]
    return Spec(name, {"app.py": WSGI}, command, version=["gunicorn", "--version"])


def node(name, text, **rest):
    return Spec(name, {"server.js": text}, ["node", "server.js"], version=["node", "--version"], **rest)


def go(name, *options, **rest):
    return Spec(name, {"server.go": GO}, ["DIRECTORY/server", *options], version=["go", "version"],
                build=["go", "build", "-o", "server", "server.go"], needs=["go"], **rest)


def nginx(name, stop, **rest):
    command = ["nginx", "-p", "DIRECTORY", "-c", "DIRECTORY/nginx.conf"]
    return Spec(name, {"nginx.conf": NGINX}, command, stop, version=["nginx", "-v"], **rest)


TOMCAT_FILES = {"conf/server.xml": TOMCAT, "conf/web.xml": TOMCAT_WEB, "webapps/ROOT/page.jsp": TOMCAT_PAGE,
                "temp/none": "", "work/none": "", "logs/none": ""}
TOMCAT_COMMAND = ["java", "-cp", f"{TOMCAT_HOME}/bin/bootstrap.jar:{TOMCAT_HOME}/bin/tomcat-juli.jar",
                  f"-Dcatalina.home={TOMCAT_HOME}", "-Dcatalina.base=DIRECTORY", "-Djava.io.tmpdir=DIRECTORY/temp",
                  "org.apache.catalina.startup.Bootstrap", "start"]

SERVERS = [
    nginx("nginx", signal.SIGTERM),
    nginx("nginx-quit", signal.SIGQUIT, shares_keep_alive=True),
    Spec("tomcat", TOMCAT_FILES, TOMCAT_COMMAND, needs=["java", TOMCAT_HOME],
         version=["java", "-cp", f"{TOMCAT_HOME}/lib/catalina.jar", "org.apache.catalina.util.ServerInfo"]),
    node("node-http, not PID 1", NODE),
    node("node-http", NODE, pid_1=True, shares_keep_alive=True),
    node("node-http-close", NODE_HANDLER, shares_keep_alive=True),
    go("go-http", pid_1=True),
    go("go-http-shutdown", "shutdown"),
    gunicorn("gunicorn", "--workers", "4"),
    gunicorn("gunicorn, gthread", "--worker-class", "gthread", "--threads", "8"),
    Spec("uvicorn", {"app.py": ASGI}, ["uvicorn", "--app-dir", "DIRECTORY", "--port", "PORT", "app:app"],
         version=["uvicorn", "--version"]),
    Spec("puma", {"config.ru": RACK}, ["puma", "--bind", "tcp://127.0.0.1:PORT", "--env", "production", "config.ru"],
         version=["puma", "--version"]),
]
