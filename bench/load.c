/*
 * A load on an HTTP server: closed loop, keep-alive, one thread over epoll.
 *
 *     load ADDRESS PORT SECONDS CONNECTIONS REQUESTS SAMPLES EVERY random|once
 *
 * REQUESTS holds a JSON body a line. `random` takes lines by chance until the time is up; `once` sends each line once, in
 * order, and ends early when all are answered. Each EVERY-th answer goes to SAMPLES as "LINE BODY\n", for the caller to
 * compare with the peer's. Ends with one JSON line: what was answered, how long it took, the latencies.
 *
 * The client shares the machine with the server, so it must be cheap: an answer is found by its length, or its chunks, and
 * looked at no further.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FIRST_BUFFER 65536
#define LATENCIES 4000000

typedef struct { char *bytes; size_t size; } Text;

typedef struct {
    int fd;
    size_t line, sent, got, room;
    double asked;
    char *buffer;
} Connection;

static Text *requests;
static size_t request_count, next_request, answered, refused, received_bytes;
static int once;
static uint64_t chance = 0x9e3779b97f4a7c15u;
static float *latencies;
static FILE *samples;
static size_t every;

static void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void read_requests(const char *path, const char *host) {
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0, space = 0;
    ssize_t length;
    if (file == NULL) fail(path);
    while ((length = getline(&line, &room, file)) > 0) {
        if (line[length - 1] == '\n') line[--length] = 0;
        if (request_count == space) {
            space = space == 0 ? 1024 : 2 * space;
            requests = realloc(requests, space * sizeof(Text));
            if (requests == NULL) fail("memory");
        }
        int size = asprintf(&requests[request_count].bytes,
                            "POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %zd\r\n\r\n%s",
                            host, length, line);
        if (size < 0) fail("memory");
        requests[request_count++].size = (size_t)size;
    }
    free(line);
    fclose(file);
    if (request_count == 0) { fprintf(stderr, "load: %s holds no request\n", path); exit(1); }
}

/* Gives 0 where there is nothing left to ask. */
static int ask(Connection *one) {
    if (once) {
        if (next_request == request_count) return 0;
        one->line = next_request++;
    } else {
        chance ^= chance << 13; chance ^= chance >> 7; chance ^= chance << 17;
        one->line = chance % request_count;
    }
    one->sent = one->got = 0;
    one->asked = now();
    return 1;
}

/* Gives 0 where the socket takes no more for now. */
static int push(Connection *one) {
    const Text *request = &requests[one->line];
    while (one->sent < request->size) {
        ssize_t done = send(one->fd, request->bytes + one->sent, request->size - one->sent, MSG_NOSIGNAL);
        if (done < 0 && errno == EAGAIN) return 0;
        if (done < 0) fail("send");
        one->sent += (size_t)done;
    }
    return 1;
}

/* Takes the chunk marks out of `body` in place. Gives the length without them, or -1 while the last chunk is not here. */
static ssize_t unchunk(char *body, size_t size, int keep) {
    size_t from = 0, to = 0;
    for (;;) {
        char *end = memmem(body + from, size - from, "\r\n", 2);
        if (end == NULL) return -1;
        size_t chunk = strtoul(body + from, NULL, 16);
        from = (size_t)(end - body) + 2;
        if (from + chunk + 2 > size) return -1;
        if (chunk == 0) return (ssize_t)to;
        if (keep) memmove(body + to, body + from, chunk);
        to += chunk;
        from += chunk + 2;
    }
}

static void note(Connection *one, char *body, size_t length) {
    if (answered < LATENCIES) latencies[answered] = (float)(now() - one->asked);
    answered++;
    received_bytes += length;
    if (memcmp(one->buffer + 9, "200", 3) != 0) refused++;
    if (every != 0 && answered % every == 0) {
        while (length > 0 && (body[length - 1] == '\n' || body[length - 1] == '\r')) length--;
        fprintf(samples, "%zu ", one->line);
        fwrite(body, 1, length, samples);
        fputc('\n', samples);
    }
}

/* Whether the buffer holds the whole answer, which is noted then. */
static int complete(Connection *one) {
    char *end = memmem(one->buffer, one->got, "\r\n\r\n", 4);
    if (end == NULL) return 0;
    char *body = end + 4, after = *body;
    size_t held = one->got - (size_t)(body - one->buffer);
    *end = 0;  /* a string for the search in the head */
    char *length = strcasestr(one->buffer, "\r\ncontent-length:");
    int chunked = length == NULL && strcasestr(one->buffer, "\r\ntransfer-encoding: chunked") != NULL;
    *end = '\r';
    *body = after;
    if (chunked) {
        /* the end of a chunked answer is looked for only where it can be, then the marks are walked once */
        if (held < 5 || memcmp(body + held - 5, "0\r\n\r\n", 5) != 0) return 0;
        ssize_t size = unchunk(body, held, every != 0 && (answered + 1) % every == 0);
        if (size < 0) return 0;
        note(one, body, (size_t)size);
        return 1;
    }
    if (length == NULL) { fprintf(stderr, "load: an answer without a length\n"); exit(1); }
    size_t size = strtoul(length + 17, NULL, 10);
    if (held < size) return 0;
    note(one, body, size);
    return 1;
}

/* Whether a whole answer has come. */
static int pull(Connection *one) {
    for (;;) {
        if (one->room - one->got < 2) {
            one->room *= 2;
            one->buffer = realloc(one->buffer, one->room);
            if (one->buffer == NULL) fail("memory");
        }
        ssize_t done = recv(one->fd, one->buffer + one->got, one->room - one->got - 1, 0);
        if (done < 0 && errno == EAGAIN) return 0;
        if (done < 0) fail("recv");
        if (done == 0) { fprintf(stderr, "load: the server closed a connection\n"); exit(1); }
        one->got += (size_t)done;
        one->buffer[one->got] = 0;
        if (complete(one)) return 1;
    }
}

static int by_size(const void *a, const void *b) {
    float one = *(const float *)a, other = *(const float *)b;
    return (one > other) - (one < other);
}

static void connect_to(Connection *one, const struct sockaddr_in *where, int watcher) {
    int yes = 1;
    one->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (one->fd < 0 || connect(one->fd, (const struct sockaddr *)where, sizeof *where) != 0) fail("connect");
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    one->room = FIRST_BUFFER;
    one->buffer = malloc(one->room);
    if (one->buffer == NULL) fail("memory");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = one};
    if (epoll_ctl(watcher, EPOLL_CTL_ADD, one->fd, &event) != 0) fail("epoll");
}

int main(int count, char **words) {
    if (count != 9) { fprintf(stderr, "load: eight words expected\n"); return 2; }
    double seconds = atof(words[3]);
    size_t connections = strtoul(words[4], NULL, 10), open = connections;
    every = strtoul(words[7], NULL, 10);
    once = strcmp(words[8], "once") == 0;
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[2]))};
    if (inet_pton(AF_INET, words[1], &where.sin_addr) != 1) { fprintf(stderr, "load: %s is no address\n", words[1]); return 2; }
    read_requests(words[5], words[1]);
    samples = fopen(words[6], "w");
    latencies = malloc(LATENCIES * sizeof(float));
    if (samples == NULL || latencies == NULL) fail(words[6]);

    int watcher = epoll_create1(0);
    Connection *all = calloc(connections, sizeof(Connection));
    if (all == NULL) fail("memory");
    for (size_t at = 0; at < connections; at++) connect_to(&all[at], &where, watcher);
    double start = now(), end = start + seconds, last = start;
    for (size_t at = 0; at < connections; at++) {
        if (ask(&all[at])) push(&all[at]);
        else open--;
    }
    struct epoll_event events[64];
    while (open > 0 && now() < end) {
        int ready = epoll_wait(watcher, events, 64, 100);
        for (int at = 0; at < ready; at++) {
            Connection *one = events[at].data.ptr;
            if (!push(one) || !(events[at].events & (EPOLLIN | EPOLLHUP))) continue;
            if (!pull(one)) continue;
            last = now();
            if (ask(one)) push(one);
            else open--;
        }
    }
    double took = (once && open == 0 ? last : now()) - start;
    size_t kept = answered < LATENCIES ? answered : LATENCIES;
    qsort(latencies, kept, sizeof(float), by_size);
    double middle = kept ? (double)latencies[kept / 2] : 0, tail = kept ? (double)latencies[kept * 99 / 100] : 0;
    printf("{\"answered\": %zu, \"refused\": %zu, \"asked\": %zu, \"bytes\": %zu, \"seconds\": %.6f, \"p50\": %.6f, \"p99\": %.6f}\n",
           answered, refused, once ? next_request : answered, received_bytes, took, middle, tail);
    fclose(samples);
    return 0;
}
