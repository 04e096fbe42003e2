"""Small servers for Pods of the sandbox, and a question that each of them answers well."""

from __future__ import annotations

HEALTH = """
import socket, struct, threading, h2.config, h2.connection, h2.events
HEAD = [(":status", "200"), ("content-type", "application/grpc")]
def serve(made):
    config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
    connection = h2.connection.H2Connection(config)
    connection.initiate_connection()
    made.sendall(connection.data_to_send())
    while data := made.recv(4096):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.StreamEnded):
                connection.send_headers(event.stream_id, HEAD)
                answer = b"\\x08\\x01"
                connection.send_data(event.stream_id, struct.pack(">BI", 0, 2) + answer)
                connection.send_headers(event.stream_id, [("grpc-status", "0")], end_stream=True)
        made.sendall(connection.data_to_send())
server = socket.create_server(("", 8080))
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""

SHOP = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b'{"cart": {"id": 7}}' if self.path == "/login" else b""
        self.send_response(200 if self.path in ("/login", "/cart/7/pay") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *ignored):
        pass
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""

CACHE = """
import socketserver
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            words = [self.rfile.readline() for _ in range(2 * int(line[1:]))][1::2]
            said = {b"PING": b"+PONG", b"HELLO": b"%1\\r\\n+proto\\r\\n:3"}
            self.wfile.write(said.get(words[0].strip().upper(), b"+OK") + b"\\r\\n")
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
Server(("", 8080), Handler).serve_forever()
"""

DATABASE = """
import re, socket, struct, threading
def message(kind, body=b""):
    return kind + struct.pack(">I", len(body) + 4) + body
def take(made, count):
    data = b""
    while len(data) < count:
        piece = made.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data
def sized(made):
    return take(made, struct.unpack(">I", take(made, 4))[0] - 4)
ROW = (message(b"T", struct.pack(">H2sIHIhiH", 1, b"x", 0, 0, 23, 4, -1, 0))
       + message(b"D", struct.pack(">HI", 1, 1) + b"1"))
def hello(made):
    while struct.unpack(">I", sized(made)[:4])[0] in (80877103, 80877104):
        made.sendall(b"N")  # neither TLS nor GSS
    settings = (("server_version", "16.0"), ("client_encoding", "UTF8"))
    told = [message(b"S", ("%s\\0%s\\0" % each).encode()) for each in settings]
    made.sendall(message(b"R", bytes(4)) + b"".join(told) + message(b"Z", b"I"))
def serve(made):
    try:
        hello(made)
        while (kind := take(made, 1)) == b"Q":
            words = re.findall(rb"(?:^|;)\\s*([A-Z]+)", sized(made))
            for word in words:
                rows = ROW if word == b"SELECT" else b""
                made.sendall(rows + message(b"C", word + b"\\0"))
            state = b"I" if words[-1] in (b"COMMIT", b"ROLLBACK") else b"T"
            made.sendall(message(b"Z", state))
    except (EOFError, OSError):
        pass
    finally:
        made.close()
server = socket.create_server(("", 8080))
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""
"""A PostgreSQL that answers 1 to every query: as much of its protocol as psycopg needs."""

SERVERS = {"grpc": HEALTH, "journey": SHOP, "redis": CACHE, "sql": DATABASE}
"""The program of a kind's server, on port 8080; other kinds ask the usual web server."""

ASKED = {
    "dns": "{name: web}",
    "grpc": "{service: web, port: http}",
    "http": "{service: web, port: http}",
    "journey": "{service: web, port: http, steps: [{name: log in, method: POST, path: /login}]}",
    "redis": "{service: web, port: http, expect: PONG}",
    "sql": "{service: web, port: http, expect: '1'}",
    "tcp": "{service: web, port: http}",
}
