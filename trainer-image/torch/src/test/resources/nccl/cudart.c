/* A CUDA runtime without a GPU: "device memory" is host memory. Nothing that is put on a stream is done before somebody
 * asks or waits for it, so that whoever forgets to wait reads what was there before. A test can hold streams back.
 * libtorch computes on the CPU, in the thread that calls it: so its stream, the default one, is done with everything when
 * a call comes back, unless it is held. As ranks may be threads of one process, every thread has a default stream of its
 * own. */
#define _GNU_SOURCE
#include "cudart.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct CUstream_st *cudaStream_t;
typedef struct CUevent_st {
    cudaStream_t stream;
    long recorded, done; /* how often */
    int users;           /* the owner, and tasks */
} *cudaEvent_t;
struct task {
    enum { COPY, RECORD, AWAIT } kind;
    void *into;
    const void *from;
    size_t count;
    cudaEvent_t event;
    long number; /* of the event's records */
    long issued; /* operations of NCCL that come before */
    struct task *next;
};
struct cudaPointerAttributes {
    int type, device;
    void *devicePointer, *hostPointer;
};
enum { SUCCESS = 0, INVALID = 1, NOT_READY = 600 };
enum { HOLD_LIBTORCH = 1, HOLD_OTHERS = 2 };
enum { NAP_MICROS = 50, NAPS = 200000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static cudaStream_t streams;
static __thread cudaStream_t libtorch;
static pthread_key_t thread_end;
static int held;
static long events, copied;

static void release(cudaEvent_t event) {
    if (event && --event->users == 0) free(event);
}

static int ready(cudaStream_t stream, const struct task *task) {
    if (held & (stream->default_ ? HOLD_LIBTORCH : HOLD_OTHERS)) return 0;
    if (task->kind == AWAIT) return task->event->done >= task->number;
    return atomic_load(&stream->finished) >= task->issued;
}

static void drop(cudaStream_t stream) {
    struct task *task = stream->first;
    stream->first = task->next;
    if (!stream->first) stream->last = &stream->first;
    release(task->event);
    free(task);
}

/* Whatever can be done now, on all streams. */
static void run(void) {
    for (int moved = 1; moved;) {
        moved = 0;
        for (cudaStream_t stream = streams; stream; stream = stream->next)
            for (; stream->first && ready(stream, stream->first); moved = 1) {
                struct task *task = stream->first;
                if (task->kind == COPY) memcpy(task->into, task->from, task->count);
                if (task->kind == RECORD) task->event->done = task->number;
                drop(stream);
            }
    }
    for (cudaStream_t *at = &streams; *at;) {
        cudaStream_t stream = *at;
        if (stream->destroyed && !stream->first) {
            *at = stream->next;
            free(stream);
        } else {
            at = &stream->next;
        }
    }
}

static int finish(cudaStream_t stream) {
    run();
    for (int naps = 0; stream->first; naps++) {
        if (naps == NAPS) return NOT_READY;
        pthread_mutex_unlock(&mutex);
        usleep(NAP_MICROS);
        pthread_mutex_lock(&mutex);
        run();
    }
    return SUCCESS;
}

static int reached(cudaStream_t stream, long operation) {
    pthread_mutex_lock(&mutex);
    run();
    int result = !stream->first || stream->first->issued > operation;
    pthread_mutex_unlock(&mutex);
    return result;
}

static cudaStream_t create(int default_) {
    cudaStream_t stream = calloc(1, sizeof *stream);
    stream->reached = reached;
    stream->last = &stream->first;
    stream->default_ = default_;
    stream->next = streams;
    return streams = stream;
}

/* As soon as it is done. */
static void destroy(cudaStream_t stream) {
    pthread_mutex_lock(&mutex);
    stream->destroyed = 1;
    run();
    pthread_mutex_unlock(&mutex);
}

static void thread_ends(void *stream) { destroy(stream); }

__attribute__((constructor)) static void begin(void) { pthread_key_create(&thread_end, thread_ends); }

static cudaStream_t of(cudaStream_t stream) {
    if (stream) return stream;
    if (!libtorch) pthread_setspecific(thread_end, libtorch = create(1));
    return libtorch;
}

static int put(cudaStream_t stream, struct task task) {
    stream = of(stream);
    struct task *own = malloc(sizeof *own);
    *own = task;
    own->issued = atomic_load(&stream->issued);
    if (own->event) own->event->users++;
    *stream->last = own;
    stream->last = &own->next;
    return stream->default_ && !(held & HOLD_LIBTORCH) ? finish(stream) : SUCCESS;
}

int cudaGetDeviceCount(int *count) { *count = 1; return SUCCESS; }
int cudaSetDevice(int device) { return device == 0 ? SUCCESS : INVALID; }
int cudaDriverGetVersion(int *version) { *version = 12090; return SUCCESS; }
int cudaRuntimeGetVersion(int *version) { *version = 12090; return SUCCESS; }
const char *cudaGetErrorString(int error) { return error == NOT_READY ? "not ready" : "invalid argument"; }

int cudaStreamCreateWithFlags(cudaStream_t *made, unsigned flags) {
    pthread_mutex_lock(&mutex);
    *made = create(0);
    pthread_mutex_unlock(&mutex);
    return SUCCESS;
}

int cudaStreamDestroy(cudaStream_t stream) {
    destroy(stream);
    return SUCCESS;
}

int cudaStreamSynchronize(cudaStream_t stream) {
    pthread_mutex_lock(&mutex);
    int result = finish(of(stream));
    pthread_mutex_unlock(&mutex);
    return result;
}

int cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
    *event = calloc(1, sizeof **event);
    pthread_mutex_lock(&mutex);
    (*event)->users = 1;
    events++;
    pthread_mutex_unlock(&mutex);
    return SUCCESS;
}

int cudaEventDestroy(cudaEvent_t event) {
    pthread_mutex_lock(&mutex);
    release(event);
    events--;
    pthread_mutex_unlock(&mutex);
    return SUCCESS;
}

int cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    pthread_mutex_lock(&mutex);
    event->stream = stream;
    int result = put(stream, (struct task){.kind = RECORD, .event = event, .number = ++event->recorded});
    pthread_mutex_unlock(&mutex);
    return result;
}

int cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
    pthread_mutex_lock(&mutex);
    int result = event->recorded
        ? put(stream, (struct task){.kind = AWAIT, .event = event, .number = event->recorded})
        : INVALID;
    if (stream && !event->stream) atomic_store(&stream->ordered, 1);
    pthread_mutex_unlock(&mutex);
    return result;
}

int cudaEventQuery(cudaEvent_t event) {
    pthread_mutex_lock(&mutex);
    run();
    int result = event->done >= event->recorded ? SUCCESS : NOT_READY;
    pthread_mutex_unlock(&mutex);
    return result;
}

int cudaMemcpyAsync(void *into, const void *from, size_t count, int kind, cudaStream_t stream) {
    pthread_mutex_lock(&mutex);
    copied++;
    int result = put(stream, (struct task){.kind = COPY, .into = into, .from = from, .count = count});
    pthread_mutex_unlock(&mutex);
    return result;
}

int cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *pointer) {
    memset(attributes, 0, sizeof *attributes);
    attributes->type = 2; /* device */
    attributes->devicePointer = (void *) pointer;
    return SUCCESS;
}

/* For tests: which streams do nothing from now on, HOLD_LIBTORCH, HOLD_OTHERS, both or none; all others do what they can. */
void cudaStubHold(int which) {
    pthread_mutex_lock(&mutex);
    held = which;
    run();
    pthread_mutex_unlock(&mutex);
}

/* Copies that were asked for. */
long cudaStubCopied(void) {
    pthread_mutex_lock(&mutex);
    long count = copied;
    pthread_mutex_unlock(&mutex);
    return count;
}

/* Events that are not destroyed. */
long cudaStubEvents(void) {
    pthread_mutex_lock(&mutex);
    long count = events;
    pthread_mutex_unlock(&mutex);
    return count;
}

/* Streams likewise. */
long cudaStubStreams(void) {
    pthread_mutex_lock(&mutex);
    long count = 0;
    for (cudaStream_t stream = streams; stream; stream = stream->next) count += !stream->default_;
    pthread_mutex_unlock(&mutex);
    return count;
}
