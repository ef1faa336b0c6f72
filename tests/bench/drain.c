// drain.c: asks an HTTP server for files and throws away what comes, so that the server and not the client is what is measured.
//
//   drain load PORT PATHS CONNECTIONS SECONDS      asks again as soon as an answer is whole
//   drain hold PORT PATHS CONNECTIONS SECONDS      asks once on each connection, reads the answer and keeps the connection
//   drain slow PORT PATHS CONNECTIONS SECONDS RATE asks once on each connection and reads so many bytes a second
//
// PATHS is a file of lines "WEIGHT PATH"; which is asked for next is drawn by weight, the same in every run. Bodies are not copied to
// the client at all (MSG_TRUNC), and need a Content-Length. Prints: answers, bytes, seconds, half of the answers took so many
// milliseconds or less, 99 of 100 so many, answers that were not 200 or broke off.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD 4096

struct connection {
  int socket;
  size_t head;        // bytes of the head that are here
  long long body;     // bytes of the body that are still to come; -1 while the head is read
  double asked;       // when
  char text[HEAD + 1];
};

struct path {
  double until;       // sum of the weights so far
  char *request;
};

static struct sockaddr_in server = {.sin_family = AF_INET};
static struct path *paths;
static size_t path_count;
static int events, small, again;
static unsigned long long answers, bytes, faults;
static float *times;
static size_t time_room;

static void give_up(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void read_paths(const char *name) {
  FILE *file = fopen(name, "r");
  if (!file) give_up(name);
  double weight, sum = 0;
  char path[2048];
  while (fscanf(file, "%lf %2047s", &weight, path) == 2) {
    paths = realloc(paths, (path_count + 1) * sizeof *paths);
    paths[path_count].until = sum += weight;
    if (asprintf(&paths[path_count].request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path) < 0) give_up("memory");
    path_count++;
  }
  fclose(file);
  if (!path_count) errno = EINVAL, give_up(name);
}

static const char *draw(void) {
  double mark = drand48() * paths[path_count - 1].until;
  size_t low = 0, high = path_count - 1;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (paths[middle].until > mark) high = middle; else low = middle + 1;
  }
  return paths[low].request;
}

static void ask(struct connection *c) {
  const char *request = draw();
  c->head = 0, c->body = -1, c->asked = now();
  if (send(c->socket, request, strlen(request), MSG_NOSIGNAL) < 0) faults++;
}

static void open_one(struct connection *c) {
  int one = 1, room = 64 << 10;
  c->socket = socket(AF_INET, SOCK_STREAM, 0);
  if (c->socket < 0) give_up("socket");
  if (small) setsockopt(c->socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  if (connect(c->socket, (struct sockaddr *)&server, sizeof server)) give_up("connect");
  setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (!small) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(events, EPOLL_CTL_ADD, c->socket, &event);
  }
  ask(c);
}

static void ended(struct connection *c) {
  if (answers == time_room) times = realloc(times, (time_room = time_room ? 2 * time_room : 4096) * sizeof *times);
  times[answers++] = (now() - c->asked) * 1e3;
  if (again) ask(c);
}

// Reads what is there, at most `most` bytes.
static void take(struct connection *c, long long most) {
  while (most > 0) {
    long long got;
    if (c->body < 0) {
      got = recv(c->socket, c->text + c->head, HEAD - c->head, MSG_DONTWAIT);
      if (got > 0) {
        c->head += got, most -= got;
        c->text[c->head] = 0;
        char *end = strstr(c->text, "\r\n\r\n"), *length = strcasestr(c->text, "\r\ncontent-length:");
        if (!end && c->head < HEAD) continue;
        if (!end || !length || length > end) { fprintf(stderr, "no Content-Length\n"); exit(1); }
        if (strncmp(c->text + 9, "200", 3)) faults++;
        long long early = c->text + c->head - end - 4;
        bytes += early;
        c->body = atoll(length + 17) - early;
        if (c->body == 0) { ended(c); return; }
        continue;
      }
    } else if (c->body == 0) {
      return;
    } else {
      got = recv(c->socket, NULL, c->body < most ? c->body : most, MSG_DONTWAIT | MSG_TRUNC);
      if (got > 0) {
        bytes += got, most -= got, c->body -= got;
        if (c->body == 0) { ended(c); return; }
        continue;
      }
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    faults++;
    close(c->socket);
    open_one(c);
    return;
  }
}

static int by_time(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

int main(int count, char **words) {
  if (count < 6) return fprintf(stderr, "usage: see the head of drain.c\n"), 2;
  again = !strcmp(words[1], "load"), small = !strcmp(words[1], "slow");
  server.sin_port = htons(atoi(words[2]));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  read_paths(words[3]);
  size_t connections = atoi(words[4]);
  double seconds = atof(words[5]);
  long long rate = count > 6 ? atoll(words[6]) : 16384;
  srand48(1);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  events = epoll_create1(0);
  struct connection *all = calloc(connections, sizeof *all);
  double start = now(), round = 0.25;
  for (size_t i = 0; i < connections; i++) open_one(&all[i]);
  if (small) {
    for (double next = start; next < start + seconds; next += round) {
      for (size_t i = 0; i < connections; i++) take(&all[i], rate * round);
      double rest = next + round - now();
      if (rest > 0) usleep(rest * 1e6);
    }
  } else {
    struct epoll_event ready[256];
    while (now() < start + seconds) {
      int found = epoll_wait(events, ready, 256, 50);
      for (int i = 0; i < found; i++) take(ready[i].data.ptr, 8 << 20);
    }
  }
  seconds = now() - start;
  qsort(times, answers, sizeof *times, by_time);
  printf("%llu %llu %.3f %.2f %.2f %llu\n", answers, bytes, seconds, answers ? times[answers / 2] : 0,
         answers ? times[answers - 1 - answers / 100] : 0, faults);
  return 0;
}
