"""The prober: standard library only, one process per probe. Linux, Python 3.9 or newer.

A Pod of any stock image holds this room and nothing else of the project, so a file here imports
only others of the room.

    python -I -S start.py < configuration       python start.py configuration.json   (in a Pod)

It sends request k at `start + k / rate` whether or not earlier ones were answered, on one thread
with non-blocking sockets, and stamps everything with CLOCK_MONOTONIC. One thread, because two would
wait for each other's interpreter lock; `select` on the epoll descriptor, because epoll's own
timeout is rounded to milliseconds. Each request is a new connection unless `keepalive`.

A request does what its clients do with a connection. Where a name has several addresses, the next
one is tried when one fails, and beside it when it takes longer than HEAD_START (RFC 8305); the
first that connects is used. A request on a kept connection that ends before any byte of an answer
is sent once more, on a new connection, if its method is idempotent (RFC 9112, section 9.3.1).

With kind "dns" it sends one query at a time, which `dns_lookup` encodes and decodes.

Configuration, one line of JSON (defaults in `Plan`): kind ("http" | "tcp" | "dns"), host, port,
rate, timeout, keepalive, method, path, headers, body, status ([[low, high], ...]), contains,
matches, tls, ca (a file), authorities (their PEM), server_name, by_header, by_body,
json ([[steps, text], ...]), valid_for (seconds of the certificate), client (PEM of both), inflight,
send, expect, limit (stop after so many), turns (the number of agents that take turns),
masked (texts that may not be written, the longest first: others may read a Pod's log).

It writes lines of JSON: first `{"version", "start", "wall", "interval", "answers"}`; then
`{"samples": [[seq, lag, took, answer, status, by], ...], "at"}` at least every 0.1 s, where times
are whole microseconds after `start + seq * interval` (`at`, when the line was written: after
`start`), `lag` is null where nothing was sent, and
`answer` counts into `answers`; `{"note": [answer, text]}` once for each new reason of a failure;
last `{"end": {"planned", "cpu", "rss", "priority", "remarks"}}`, where `remarks` count what went
wrong and spoiled no request, by its text. A prober that ends
without the last line died. It stops when stdin closes (if it was configured there), on SIGTERM, or
when its parent has ended. A request that it planned and could not send is UNSENT, never left out.
"""
