/* SPDX-License-Identifier: Apache-2.0
 * One connection at a time, one request a connection. Knows no more of HTTP than the tests need. */
#include "loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct answer {
  const unsigned char *bytes;
  size_t from, length; /* what the header promises */
  size_t sent;         /* of it */
  bool partial, slow;
} answer;

static void send_all(int client, const void *bytes, size_t size) {
  const unsigned char *next = bytes;
  while (size > 0) {
    const ssize_t sent = send(client, next, size, MSG_NOSIGNAL);
    if (sent <= 0) return;
    next += sent;
    size -= (size_t)sent;
  }
}

static void send_text(int client, const char *text) { send_all(client, text, strlen(text)); }

static void send_answer(const loopback *server, int client, const answer *a) {
  char head[256];
  snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n",
           a->partial ? "206 Partial Content" : "200 OK", a->length);
  send_text(client, head);
  if (a->partial) {
    snprintf(head, sizeof head, "Content-Range: bytes %zu-%zu/%zu\r\n", a->from, server->size - 1,
             server->size);
    send_text(client, head);
  }
  send_text(client, "\r\n");
  const size_t piece = a->slow ? a->sent / 8 + 1 : a->sent + 1;
  for (size_t at = 0; at < a->sent; at += piece) {
    send_all(client, a->bytes + a->from + at, piece < a->sent - at ? piece : a->sent - at);
    if (a->slow) nanosleep(&(struct timespec){0, 60000000}, NULL);
  }
}

static bool is_under(const char *request, const char *folder) {
  return strncmp(request, "GET /", 5) == 0 && strncmp(request + 5, folder, strlen(folder)) == 0;
}

/* How the file goes out for a request that gets it. */
static answer choose(const loopback *server, const char *request, size_t from, bool partial) {
  answer a = {server->bytes, from, server->size - from, server->size - from, partial, false};
  a.slow = is_under(request, "slow/");
  if (is_under(request, "broken/") && a.length > server->size / 3) a.sent = server->size / 3;
  if (is_under(request, "norange/")) {
    a.from = 0;
    a.partial = false;
    a.length = a.sent = server->size;
    if (server->requests == 1) a.sent = server->size / 3;
  }
  return a;
}

static void send_file(loopback *server, int client, const char *request) {
  const char *range = strstr(request, "Range: bytes=");
  const size_t from = range ? (size_t)strtoul(range + 13, NULL, 10) : 0;
  server->ranges += range != NULL;
  if (from >= server->size && !is_under(request, "norange/")) {
    send_text(client, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  const answer a = choose(server, request, from, range != NULL);
  if (!is_under(request, "wrong/")) {
    send_answer(server, client, &a);
    return;
  }
  unsigned char *wrong = malloc(server->size);
  if (!wrong) return;
  memcpy(wrong, server->bytes, server->size);
  wrong[server->size / 2] ^= 1;
  send_answer(server, client, &(answer){wrong, a.from, a.length, a.sent, a.partial, false});
  free(wrong);
}

static void serve(loopback *server, int client, const char *request) {
  static const char *const files[] = {"ok/", "slow/", "broken/", "norange/", "wrong/", "flaky/"};
  char text[256];
  server->requests++;
  if (is_under(request, "redirect/")) {
    snprintf(text, sizeof text,
             "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/ok/file\r\n"
             "Content-Length: 0\r\n\r\n",
             server->port);
    send_text(client, text);
    return;
  }
  if (is_under(request, "flaky/") && server->requests <= 2) {
    send_text(client, "HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nbusy\n");
    return;
  }
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    if (!is_under(request, files[i])) continue;
    send_file(server, client, request);
    return;
  }
  send_text(client, "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot here\n");
}

static void *run(void *of) {
  loopback *server = of;
  for (;;) {
    char request[4096];
    size_t length = 0;
    const int client = accept(server->listener, NULL, NULL);
    if (client < 0) return NULL;
    for (;;) {
      const ssize_t got = recv(client, request + length, sizeof request - 1 - length, 0);
      if (got <= 0) break;
      length += (size_t)got;
      request[length] = '\0';
      if (strstr(request, "\r\n\r\n")) break;
    }
    if (length > 0) serve(server, client, request);
    shutdown(client, SHUT_RDWR);
    close(client);
  }
}

bool loopback_start(loopback *server) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  server->listener = socket(AF_INET, SOCK_STREAM, 0);
  if (server->listener < 0 ||
      bind(server->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
      listen(server->listener, 8) != 0 ||
      getsockname(server->listener, (struct sockaddr *)&address, &size) != 0) {
    return false;
  }
  server->port = ntohs(address.sin_port);
  return pthread_create(&server->thread, NULL, run, server) == 0;
}

void loopback_stop(loopback *server) {
  shutdown(server->listener, SHUT_RDWR);
  pthread_join(server->thread, NULL);
  close(server->listener);
}
