/*
 * A stub of NCCL for tests without a GPU: non-blocking communicators that move host memory over sockets of this machine,
 * each with a thread of its own. It checks the order of calls, and injects the fault that the file "fault" beside the
 * library describes:
 *   RANK NUMBER KIND    affects call NUMBER (from 0, ncclCommInitRankConfig) on the communicator of RANK
 *   error: it fails   async: it fails later   hang: it does not return before an abort or the deletion of the file "fault"
 *   stall: its data never move   die: the process gets SIGKILL
 * A call on a freed communicator creates the file "misuse". The file "version" overrides ncclGetVersion. Every communicator
 * that is created adds a line to the file "made", if it exists.
 */
#define _GNU_SOURCE
#include "cudart.h"
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { OK = 0, SYSTEM = 2, INTERNAL = 3, ARGUMENT = 4, USAGE = 5, REMOTE = 6, PROGRESS = 7 };
enum { INT64 = 4, FLOAT32 = 7, FLOAT64 = 8, BFLOAT16 = 9 };
enum { SUM = 0, MIN = 3 };
enum { MAX_RANKS = 64, LIVE = 0x600d, DEAD = 0xdead };
#define CONFIG_MAGIC 0xcafebeef

typedef struct CUstream_st *stream_t;
typedef struct { char internal[128]; } ncclUniqueId;
typedef struct { size_t size; unsigned magic, version; int blocking; } config_t;

enum kind { ALL_REDUCE, BROADCAST, ALL_GATHER, SEND, RECV };
struct op {
    enum kind kind;
    const char *from;
    char *into;
    size_t count;
    int type, detail; /* reduction, root or peer */
    struct comm *comm;
    stream_t stream;
    struct op *next;
};
struct batch {
    struct op *ops;
    stream_t stream;
    long number; /* index among the operations on the stream */
    int stalled;
    struct batch *next;
};
typedef struct comm {
    int life, rank, size, calls;
    ncclUniqueId id;
    int peers[MAX_RANKS];
    atomic_int state, stop, inside;
    pthread_t worker;
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct batch *first;
    struct batch *failed; /* moves no data, and does not finish before an abort */
    int shrunk;           /* whether it inherited its sockets from its parent */
} comm_t;

static __thread int depth;
static __thread struct op *grouped;
static __thread int hangs; /* whether this group does not end, because a call in it was to hang */

/* ---- files beside the library ---- */
static void beside(char *path, size_t size, const char *name) {
    Dl_info info;
    dladdr((void *) &beside, &info);
    snprintf(path, size, "%.*s/%s", (int) (strrchr(info.dli_fname, '/') - info.dli_fname), info.dli_fname, name);
}

static FILE *file(const char *name, const char *mode) {
    char path[4096];
    beside(path, sizeof path, name);
    return fopen(path, mode);
}

static void say(const char *level, const char *what, comm_t *comm) {
    const char *path = getenv("NCCL_DEBUG_FILE"), *wanted = getenv("NCCL_DEBUG");
    if (!wanted || (!strcmp(wanted, "WARN") && strcmp(level, "WARN"))) return;
    FILE *log = path ? fopen(path, "a") : stdout;
    if (!log) return;
    fprintf(log, "NCCL %s stub: %s, rank %d of %d\n", level, what, comm->rank, comm->size);
    if (path) fclose(log);
}

static int exists(const char *name) {
    FILE *found = file(name, "r");
    if (found) fclose(found);
    return found != NULL;
}

static void made(const char *how, comm_t *comm) {
    FILE *list = exists("made") ? file("made", "a") : NULL;
    if (!list) return;
    fprintf(list, "%s %d of %d\n", how, comm->rank, comm->size);
    fclose(list);
}

static void nap(void) { nanosleep(&(struct timespec){0, 1000000}, NULL); }

/* ---- calls and faults ---- */
static int hang(comm_t *comm) {
    while (!atomic_load(&comm->stop) && exists("fault")) nap();
    return INTERNAL;
}

static int enter(comm_t *comm, int *stalled) {
    if (!comm || comm->life != LIVE) {
        FILE *misuse = file("misuse", "a");
        if (misuse) { fputs("a call on a freed communicator\n", misuse); fclose(misuse); }
        return ARGUMENT;
    }
    atomic_fetch_add(&comm->inside, 1);
    int number = comm->calls++, rank = -1, at = -1, result = OK;
    char kind[16] = "";
    FILE *fault = file("fault", "r");
    if (fault) {
        if (fscanf(fault, "%d %d %15s", &rank, &at, kind) != 3) rank = -1;
        fclose(fault);
    }
    if (rank != comm->rank || at != number) return OK;
    if (!strcmp(kind, "die")) raise(SIGKILL);
    if (!strcmp(kind, "error")) result = SYSTEM;
    if (!strcmp(kind, "async")) atomic_store(&comm->state, INTERNAL);
    if (!strcmp(kind, "stall") && stalled) *stalled = 1;
    if (!strcmp(kind, "hang")) {
        if (depth) hangs = 1; /* a call in a group is only recorded; what may hang is the group's end */
        else result = hang(comm);
    }
    return result;
}

static int leave(comm_t *comm, int result) {
    atomic_fetch_sub(&comm->inside, 1);
    return result;
}

/* ---- sockets ---- */
static int listener(int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bind(fd, (struct sockaddr *) &address, length);
    listen(fd, MAX_RANKS);
    getsockname(fd, (struct sockaddr *) &address, &length);
    *port = ntohs(address.sin_port);
    return fd;
}

static int dial(int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *) &address, sizeof address)) { close(fd); return -1; }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static int await_accept(int server, atomic_int *stop) {
    struct pollfd ready = {server, POLLIN, 0};
    for (int turn = 0; turn < 600 && !(stop && atomic_load(stop)); turn++) {
        if (poll(&ready, 1, 50) > 0) {
            int one = 1, fd = accept4(server, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            return fd;
        }
    }
    return -1;
}

/* Sends or receives all bytes over a non-blocking socket; returns 0 if that fails. */
static int whole(int fd, void *data, size_t size, int out, atomic_int *stop) {
    char *at = data;
    while (size && !(stop && atomic_load(stop))) {
        ssize_t moved = out ? send(fd, at, size, MSG_NOSIGNAL) : recv(fd, at, size, 0);
        if (moved > 0) { at += moved; size -= moved; continue; }
        if (moved == 0 || (errno != EAGAIN && errno != EINTR)) return 0;
        struct pollfd ready = {fd, out ? POLLOUT : POLLIN, 0};
        poll(&ready, 1, 20);
    }
    return size == 0;
}

/* ---- rendezvous ---- */
struct hello { int rank, size, port; };

static void *root(void *of) {
    int server = (int) (intptr_t) of, ports[MAX_RANKS], fds[MAX_RANKS], there = 0, size = 1;
    while (there < size) {
        struct hello hello;
        int fd = await_accept(server, NULL);
        if (fd < 0) break;
        if (!whole(fd, &hello, sizeof hello, 0, NULL)) { close(fd); break; }
        size = hello.size;
        ports[hello.rank] = hello.port;
        fds[there++] = fd;
    }
    for (int i = 0; i < there; i++) {
        if (there == size) whole(fds[i], ports, sizeof(int) * size, 1, NULL);
        close(fds[i]);
    }
    close(server);
    return NULL;
}

int ncclGetUniqueId(ncclUniqueId *id) {
    int port, server = listener(&port);
    pthread_t thread;
    memset(id, 0, sizeof *id);
    memcpy(id->internal, &port, sizeof port);
    pthread_create(&thread, NULL, root, (void *) (intptr_t) server);
    pthread_detach(thread);
    return OK;
}

static int meet(comm_t *comm) {
    int port, ports[MAX_RANKS], at, server = listener(&port), good = 1;
    memcpy(&at, comm->id.internal, sizeof at);
    struct hello hello = {comm->rank, comm->size, port};
    int to_root = dial(at);
    good = to_root >= 0 && whole(to_root, &hello, sizeof hello, 1, &comm->stop)
        && whole(to_root, ports, sizeof(int) * comm->size, 0, &comm->stop);
    if (to_root >= 0) close(to_root);
    for (int peer = 0; good && peer < comm->rank; peer++) {
        comm->peers[peer] = dial(ports[peer]);
        good = comm->peers[peer] >= 0 && whole(comm->peers[peer], &comm->rank, sizeof(int), 1, &comm->stop);
    }
    for (int missing = comm->size - 1 - comm->rank; good && missing; missing--) {
        int peer, fd = await_accept(server, &comm->stop);
        good = fd >= 0 && whole(fd, &peer, sizeof peer, 0, &comm->stop);
        if (good) comm->peers[peer] = fd;
    }
    close(server);
    return good;
}

/* ---- moving data ---- */
struct transfer { int peer, out, done; char *at; size_t left; };

static size_t width(int type) { return type == BFLOAT16 ? 2 : type == FLOAT32 ? 4 : 8; }

/* The number of bytes that communicators of this process have sent. */
static atomic_long sent;
long ncclStubSent(void) { return atomic_load(&sent); }

/* Runs all transfers concurrently; those over one socket in order. */
static int move(comm_t *comm, struct transfer *all, int count) {
    for (int open = count; open;) {
        int moved = 0;
        char busy[MAX_RANKS][2];
        memset(busy, 0, sizeof busy);
        struct pollfd ready[2 * MAX_RANKS];
        int waits = 0;
        open = 0;
        for (int i = 0; i < count; i++) {
            struct transfer *one = &all[i];
            if (one->done || busy[one->peer][one->out]) { open += !one->done; continue; }
            while (one->left) {
                ssize_t n = one->out ? send(comm->peers[one->peer], one->at, one->left, MSG_NOSIGNAL)
                                     : recv(comm->peers[one->peer], one->at, one->left, 0);
                if (n > 0) {
                    if (one->out) atomic_fetch_add(&sent, n);
                    one->at += n; one->left -= n; moved = 1;
                    continue;
                }
                if (n == 0 || (errno != EAGAIN && errno != EINTR)) return REMOTE;
                break;
            }
            if (!one->left) { one->done = 1; moved = 1; continue; }
            busy[one->peer][one->out] = 1;
            open++;
            ready[waits++] = (struct pollfd){comm->peers[one->peer], one->out ? POLLOUT : POLLIN, 0};
        }
        if (atomic_load(&comm->stop)) return INTERNAL;
        if (open && !moved) poll(ready, waits, 20);
    }
    return OK;
}

#define REDUCE(T) \
    for (size_t i = 0; i < op->count; i++) { \
        T *a = (T *) all + i, b = ((T *) (all + peer * bytes))[i]; \
        *a = op->detail == SUM ? *a + b : (b < *a ? b : *a); \
    }

static float widened(uint16_t half) {
    uint32_t bits = (uint32_t) half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Rounds to the nearest bfloat16, ties to even; not for NaN. */
static uint16_t rounded(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/* Rounds every partial sum, as an all-reduce around a ring does. */
static void add_halves(uint16_t *into, const uint16_t *other, size_t count) {
    for (size_t i = 0; i < count; i++) into[i] = rounded(widened(into[i]) + widened(other[i]));
}

static int reduce(comm_t *comm, struct op *op) {
    size_t bytes = op->count * width(op->type);
    char *all = malloc(bytes * comm->size + 1);
    struct transfer moves[2 * MAX_RANKS];
    int count = 0;
    memcpy(all + comm->rank * bytes, op->from, bytes);
    for (int peer = 0; peer < comm->size; peer++) {
        if (peer != comm->rank) {
            moves[count++] = (struct transfer){peer, 1, 0, (char *) op->from, bytes};
            moves[count++] = (struct transfer){peer, 0, 0, all + peer * bytes, bytes};
        }
    }
    int result = move(comm, moves, count);
    for (int peer = 1; result == OK && peer < comm->size; peer++) {
        switch (op->type) {
            case FLOAT32: REDUCE(float) break;
            case FLOAT64: REDUCE(double) break;
            case BFLOAT16: add_halves((uint16_t *) all, (uint16_t *) (all + peer * bytes), op->count); break;
            default: REDUCE(int64_t)
        }
    }
    if (result == OK) memcpy(op->into, all, bytes);
    free(all);
    return result;
}

static int one_to_all(comm_t *comm, struct op *op) {
    struct transfer moves[MAX_RANKS];
    size_t bytes = op->count * width(op->type);
    int count = 0;
    for (int peer = 0; peer < comm->size && comm->rank == op->detail; peer++) {
        if (peer != comm->rank) moves[count++] = (struct transfer){peer, 1, 0, (char *) op->from, bytes};
    }
    if (comm->rank != op->detail) moves[count++] = (struct transfer){op->detail, 0, 0, op->into, bytes};
    return move(comm, moves, count);
}

static int gather(comm_t *comm, struct op *op) {
    struct transfer moves[2 * MAX_RANKS];
    size_t bytes = op->count * width(op->type);
    int count = 0;
    memmove(op->into + comm->rank * bytes, op->from, bytes);
    for (int peer = 0; peer < comm->size; peer++) {
        if (peer != comm->rank) {
            moves[count++] = (struct transfer){peer, 1, 0, (char *) op->from, bytes};
            moves[count++] = (struct transfer){peer, 0, 0, op->into + peer * bytes, bytes};
        }
    }
    return move(comm, moves, count);
}

static int perform(comm_t *comm, struct op *ops) {
    int points = 0, result = OK;
    for (struct op *op = ops; op; op = op->next) points += op->kind >= SEND;
    struct transfer *moves = calloc(points + 1, sizeof *moves);
    points = 0;
    for (struct op *op = ops; op && result == OK; op = op->next) {
        switch (op->kind) {
            case ALL_REDUCE: result = reduce(comm, op); break;
            case BROADCAST: result = one_to_all(comm, op); break;
            case ALL_GATHER: result = gather(comm, op); break;
            default:
                moves[points++] = (struct transfer){
                    op->detail, op->kind == SEND, 0, op->kind == SEND ? (char *) op->from : op->into,
                    op->count * width(op->type)};
        }
    }
    if (result == OK) result = move(comm, moves, points);
    free(moves);
    return result;
}

static void drop(struct batch *batch) {
    while (batch->ops) {
        struct op *next = batch->ops->next;
        free(batch->ops);
        batch->ops = next;
    }
    free(batch);
}

static void *work(void *of) {
    comm_t *comm = of;
    int expected = PROGRESS;
    pthread_setname_np(pthread_self(), "nccl-stub");
    int met = comm->shrunk || meet(comm);
    atomic_compare_exchange_strong(&comm->state, &expected, met ? OK : SYSTEM);
    say(met ? "INFO" : "WARN", met ? "init complete" : "init failed", comm);
    if (met) made(comm->shrunk ? "shrunk" : "fresh", comm);
    while (!atomic_load(&comm->stop)) {
        pthread_mutex_lock(&comm->mutex);
        while (!comm->first && !atomic_load(&comm->stop)) pthread_cond_wait(&comm->work, &comm->mutex);
        struct batch *batch = comm->first;
        if (batch) comm->first = batch->next;
        pthread_mutex_unlock(&comm->mutex);
        if (!batch) break;
        while ((batch->stalled || !batch->stream->reached(batch->stream, batch->number)) && !atomic_load(&comm->stop)) nap();
        int result = atomic_load(&comm->stop) ? INTERNAL : perform(comm, batch->ops);
        if (result == OK) {
            atomic_fetch_add(&batch->stream->finished, 1);
            drop(batch);
        } else {
            atomic_store(&comm->state, result);
            batch->next = comm->failed;
            comm->failed = batch;
        }
    }
    return NULL;
}

static comm_t *create(int rank, int size) {
    comm_t *comm = calloc(1, sizeof *comm);
    comm->life = LIVE;
    comm->rank = rank;
    comm->size = size;
    for (int peer = 0; peer < MAX_RANKS; peer++) comm->peers[peer] = -1;
    atomic_store(&comm->state, PROGRESS);
    pthread_mutex_init(&comm->mutex, NULL);
    pthread_cond_init(&comm->work, NULL);
    return comm;
}

/* Marks all launched operations as finished on their streams, whatever their result. */
static void give_up(struct batch *batch) {
    while (batch) {
        struct batch *next = batch->next;
        atomic_fetch_add(&batch->stream->finished, 1);
        drop(batch);
        batch = next;
    }
}

/* Ends the thread and closes the sockets. The struct stays, so that a later call on it is detected. */
static void end(comm_t *comm) {
    pthread_mutex_lock(&comm->mutex);
    atomic_store(&comm->stop, 1);
    pthread_cond_broadcast(&comm->work);
    pthread_mutex_unlock(&comm->mutex);
    pthread_join(comm->worker, NULL);
    while (atomic_load(&comm->inside)) nap();
    comm->life = DEAD;
    give_up(comm->first);
    give_up(comm->failed);
    comm->first = comm->failed = NULL;
    for (int peer = 0; peer < comm->size; peer++) {
        if (comm->peers[peer] >= 0) close(comm->peers[peer]);
    }
}

/* ---- the interface ---- */
int ncclGetVersion(int *version) {
    *version = 22703;
    FILE *other = file("version", "r");
    if (other) { if (fscanf(other, "%d", version) != 1) *version = 0; fclose(other); }
    return OK;
}

const char *ncclGetErrorString(int result) {
    static const char *names[] = {"no error", "unhandled cuda error", "unhandled system error", "internal error",
        "invalid argument", "invalid usage", "remote process exited or there was a network error", "in progress"};
    return result >= 0 && result <= PROGRESS ? names[result] : "unknown result code";
}

const char *ncclGetLastError(comm_t *comm) { return "stub"; }

static int configured(config_t *config) {
    return config && config->magic == CONFIG_MAGIC && config->size >= sizeof *config && config->blocking == 0;
}

int ncclCommInitRankConfig(comm_t **into, int size, ncclUniqueId id, int rank, config_t *config) {
    if (!configured(config) || rank < 0 || rank >= size || size > MAX_RANKS) return ARGUMENT;
    comm_t *comm = create(rank, size);
    comm->id = id;
    *into = comm;
    pthread_create(&comm->worker, NULL, work, comm);
    int result = enter(comm, NULL);
    return leave(comm, result == OK ? PROGRESS : result);
}

int ncclCommShrink(comm_t *parent, int *excluded, int count, comm_t **into, config_t *config, int flags) {
    int result = enter(parent, NULL), rank = 0, size = 0, kept[MAX_RANKS];
    if (result == ARGUMENT) return result;
    if (result != OK || !configured(config) || flags) return leave(parent, result != OK ? result : USAGE);
    for (int peer = 0; peer < parent->size; peer++) {
        int out = 0;
        for (int i = 0; i < count; i++) out |= excluded[i] == peer;
        if (out) continue;
        if (peer == parent->rank) rank = size;
        kept[size++] = peer;
    }
    comm_t *comm = create(rank, size);
    comm->shrunk = 1;
    for (int peer = 0; peer < size; peer++) {
        if (peer != rank) comm->peers[peer] = dup(parent->peers[kept[peer]]);
    }
    *into = comm;
    pthread_create(&comm->worker, NULL, work, comm);
    return leave(parent, PROGRESS);
}

int ncclCommGetAsyncError(comm_t *comm, int *state) {
    /* not counted as a call, because callers poll it any number of times */
    if (!comm || comm->life != LIVE) return enter(comm, NULL);
    *state = atomic_load(&comm->state);
    return OK;
}

int ncclCommFinalize(comm_t *comm) {
    int result = enter(comm, NULL);
    return result == ARGUMENT ? result : leave(comm, result);
}

int ncclCommDestroy(comm_t *comm) {
    int result = enter(comm, NULL);
    if (result == ARGUMENT) return result;
    leave(comm, result);
    end(comm);
    return result;
}

int ncclCommAbort(comm_t *comm) {
    if (!comm || comm->life != LIVE) return enter(comm, NULL);
    end(comm);
    return OK;
}

int ncclGroupStart(void) { depth++; return OK; }

int ncclGroupEnd(void) {
    if (--depth) return OK;
    struct op *ops = NULL;
    while (grouped) { /* restores the order of the calls */
        struct op *next = grouped->next;
        grouped->next = ops;
        ops = grouped;
        grouped = next;
    }
    if (!ops) return OK;
    comm_t *comm = ops->comm;
    int stalled = 0, result = enter(comm, &stalled);
    if (result == ARGUMENT) return result;
    if (hangs) result = hang(comm);
    hangs = 0;
    struct batch *batch = calloc(1, sizeof *batch);
    *batch = (struct batch){.ops = ops, .stream = ops->stream, .stalled = stalled};
    int bad = !atomic_exchange(&batch->stream->ordered, 0) || atomic_load(&comm->state) == PROGRESS;
    if (result != OK || bad || atomic_load(&comm->state) != OK) {
        drop(batch);
        if (result == OK && bad) atomic_store(&comm->state, USAGE);
        return leave(comm, result != OK ? result : atomic_load(&comm->state));
    }
    batch->number = atomic_fetch_add(&batch->stream->issued, 1);
    pthread_mutex_lock(&comm->mutex);
    struct batch **last = &comm->first;
    while (*last) last = &(*last)->next;
    *last = batch;
    pthread_cond_signal(&comm->work);
    pthread_mutex_unlock(&comm->mutex);
    return leave(comm, OK);
}

static int issue(
    enum kind kind, const void *from, void *into, size_t count, int type, int detail, comm_t *comm, stream_t stream) {
    int result = enter(comm, NULL);
    if (result == ARGUMENT) return result;
    if (!stream || (type != INT64 && type != FLOAT32 && type != FLOAT64 && type != BFLOAT16)) result = ARGUMENT;
    if (result != OK) return leave(comm, result);
    struct op *op = calloc(1, sizeof *op);
    *op = (struct op){kind, from, into, count, type, detail, comm, stream, grouped};
    ncclGroupStart();
    grouped = op;
    leave(comm, OK);
    return ncclGroupEnd();
}

int ncclAllReduce(const void *from, void *into, size_t count, int type, int op, comm_t *comm, stream_t stream) {
    return issue(ALL_REDUCE, from, into, count, type, op, comm, stream);
}
int ncclBroadcast(const void *from, void *into, size_t count, int type, int rank, comm_t *comm, stream_t stream) {
    return issue(BROADCAST, from, into, count, type, rank, comm, stream);
}
int ncclAllGather(const void *from, void *into, size_t count, int type, comm_t *comm, stream_t stream) {
    return issue(ALL_GATHER, from, into, count, type, 0, comm, stream);
}
int ncclSend(const void *from, size_t count, int type, int peer, comm_t *comm, stream_t stream) {
    return issue(SEND, from, NULL, count, type, peer, comm, stream);
}
int ncclRecv(void *into, size_t count, int type, int peer, comm_t *comm, stream_t stream) {
    return issue(RECV, NULL, into, count, type, peer, comm, stream);
}
