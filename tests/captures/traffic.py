#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One side of a scenario of make.sh. Usage: traffic.py server|client SCENARIO READY_FILE NAMESPACE_FILE"""
import ctypes
import os
import socket
import struct
import sys
import time

VIP, VIP6, QUIET = "203.0.113.10", "2001:db8::10", "203.0.113.11"
CONNECTIONS = 6
SO_NO_CHECK = 11  # of Linux; datagrams with checksum 0


def enter(namespace):
    with open(namespace) as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")


def listening(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)


def serve_http(ready, address, body):
    with listening(address, 80) as server:
        ready()
        for _ in range(CONNECTIONS):
            connection, _ = server.accept()
            with connection:
                while request := connection.recv(4096):
                    assert request.startswith(b"GET ")
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def get(address, body_bytes, requests):
    with socket.create_connection((address, 80), timeout=10) as connection:
        for number in range(requests):
            connection.sendall(b"GET /%d HTTP/1.1\r\nHost: belka.example\r\nCookie: user=%d\r\n\r\n" % (number, number))
            received = b""
            while len(received.partition(b"\r\n\r\n")[2]) < body_bytes:
                received += connection.recv(65536)


def client_http(address):
    for number in range(CONNECTIONS):
        get(address, 1100, 1 + number % 3)


def serve_udp(ready):
    """Echoes; the queries of 3,000 bytes come as fragments."""
    sockets = []
    for address in (VIP, VIP6):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = socket.socket(family, socket.SOCK_DGRAM)
        server.bind((address, 53))
        sockets.append(server)
    ready()
    for server in sockets:
        for _ in range(2 * CONNECTIONS):
            query, client = server.recvfrom(65536)
            server.sendto(query[:200], client)


def client_udp():
    for address in (VIP, VIP6):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for size in [40 + 30 * number for number in range(2 * CONNECTIONS - 1)] + [3000]:
            with socket.socket(family, socket.SOCK_DGRAM) as client:
                client.settimeout(10)
                if size == 100 and address == VIP:
                    client.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
                client.sendto(b"q" * size, (address, 53))
                client.recvfrom(65536)


def serve_icmp(ready):
    """Answers that are too long for the router, answers that die on the way, answers nobody waits for."""
    body = b"x" * 4000
    with listening(VIP, 80) as server, listening(VIP6, 80) as server6:
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind((VIP, 53))
        datagrams6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        datagrams6.bind((VIP6, 53))
        ready()
        for listener in (server, server6):
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                connection.recv(4096)
        for listener, level, hops in ((datagrams, socket.IPPROTO_IP, socket.IP_TTL),
                                      (datagrams6, socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)):
            _, client = listener.recvfrom(4096)
            time.sleep(0.3)  # the client has gone
            listener.sendto(b"to a closed port", client)
            listener.setsockopt(level, hops, 1)
            listener.sendto(b"dies at the router", client)
            time.sleep(0.3)


def client_icmp():
    for address in (VIP, VIP6):
        # The client's own MTU says nothing of the router's, so the server begins with full segments.
        get(address, 4000, 1)
    for address in (VIP, VIP6):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.sendto(b"query", (address, 53))
        time.sleep(1)
    echo = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    message = struct.pack("!BBHHH", 8, 0, 0xf7fe - 1, 1, 1)
    echo.sendto(message, (QUIET, 0))
    time.sleep(0.2)


SCENARIOS = {
    "http": (lambda ready: serve_http(ready, VIP, b"4" * 1100), lambda: client_http(VIP)),
    "http6": (lambda ready: serve_http(ready, VIP6, b"6" * 1100), lambda: client_http(VIP6)),
    "udp": (serve_udp, client_udp),
    "icmp": (serve_icmp, client_icmp),
}


def main():
    side, scenario, ready_file, namespace = sys.argv[1:]
    enter(namespace)
    server, client = SCENARIOS[scenario]
    if side == "server":
        server(lambda: os.close(os.open(ready_file, os.O_CREAT)))
    else:
        client()


if __name__ == "__main__":
    main()
